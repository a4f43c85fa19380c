import {
  array,
  boolean,
  cString,
  type Decoder,
  exactUint64,
  int32,
  int64,
  integer,
  nonEmptyString,
  object,
  oneOf,
  optional,
  preset,
  record,
  required,
  string,
  uint32,
  uint64,
} from '../json/decode.ts';
import { parseJson } from '../json/text.ts';
import { linuxDecoder } from './parse-linux.ts';
import { idMapping } from './parse-mapping.ts';
import type {
  CpuAffinity,
  Hook,
  Hooks,
  IoPriority,
  LinuxCapabilities,
  Process,
  Rlimit,
  Root,
  Scheduler,
  Spec,
  SpecMount,
  User,
} from './spec.ts';

/** Far above any real config.json; Kubernetes' are about 20 kB. */
export const maxSpecBytes = 16 * 1024 * 1024;

const user = object<User>({
  uid: preset(uint32, 0),
  gid: preset(uint32, 0),
  umask: optional(uint32),
  additionalGids: optional(array(uint32)),
  username: optional(string),
});

const capability = nonEmptyString;
const capabilities = object<LinuxCapabilities>({
  bounding: optional(array(capability)),
  effective: optional(array(capability)),
  inheritable: optional(array(capability)),
  permitted: optional(array(capability)),
  ambient: optional(array(capability)),
});

const rlimit = object<Rlimit>({ type: required(nonEmptyString), hard: required(exactUint64), soft: required(exactUint64) });

const scheduler = object<Scheduler>({
  policy: required(nonEmptyString),
  nice: optional(int32),
  priority: optional(int32),
  flags: optional(array(string)),
  runtime: optional(uint64),
  deadline: optional(uint64),
  period: optional(uint64),
});

const ioPriority = object<IoPriority>({
  class: required(oneOf(['IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'])),
  priority: optional(int32),
});

const process: Decoder<Process> = object<Process>({
  terminal: optional(boolean),
  consoleSize: optional(object<{ height: number; width: number }>({ height: required(uint32), width: required(uint32) })),
  user: optional(user),
  args: optional(array(cString, 100_000)),
  commandLine: optional(string),
  env: optional(array(cString, 100_000)),
  cwd: required(cString),
  capabilities: optional(capabilities),
  rlimits: optional(array(rlimit)),
  noNewPrivileges: optional(boolean),
  apparmorProfile: optional(cString),
  oomScoreAdj: optional(integer(-1000, 1000)),
  scheduler: optional(scheduler),
  selinuxLabel: optional(cString),
  ioPriority: optional(ioPriority),
  execCPUAffinity: optional(object<CpuAffinity>({ initial: optional(string), final: optional(string) })),
});

const mount = object<SpecMount>({
  destination: required(cString),
  type: optional(cString),
  source: optional(cString),
  options: optional(array(cString)),
  uidMappings: optional(array(idMapping)),
  gidMappings: optional(array(idMapping)),
});

const hook = object<Hook>({
  path: required(cString),
  args: optional(array(cString)),
  env: optional(array(cString)),
  timeout: optional(int64),
});

const hooks = object<Hooks>({
  prestart: optional(array(hook)),
  createRuntime: optional(array(hook)),
  createContainer: optional(array(hook)),
  startContainer: optional(array(hook)),
  poststart: optional(array(hook)),
  poststop: optional(array(hook)),
});

const spec: Decoder<Spec> = object<Spec>({
  ociVersion: required(nonEmptyString),
  process: optional(process),
  root: optional(object<Root>({ path: required(cString), readonly: optional(boolean) })),
  hostname: optional(cString),
  domainname: optional(cString),
  mounts: optional(array(mount)),
  hooks: optional(hooks),
  annotations: optional(record(string)),
  linux: optional(linuxDecoder),
});

/**
 * Checks a parsed config.json's types and ranges; unknown properties are ignored, as the specification asks.
 * Fails with invalid-argument `OCI_BAD_JSON` naming the path, `config.json.linux.resources.pids.limit`.
 */
export const parseSpec = (json: unknown): Spec => spec(json, 'config.json');

/** The same from text, keeping all bits of 64-bit values. */
export const parseSpecText = (text: string | Uint8Array): Spec =>
  parseSpec(parseJson(text, { name: 'config.json', maxBytes: maxSpecBytes }));

/** A process alone: the file that `exec --process` names. */
export const parseProcess = (json: unknown): Process => process(json, 'process');
