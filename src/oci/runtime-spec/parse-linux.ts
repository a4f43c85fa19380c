import {
  array,
  boolean,
  cString,
  type Decoder,
  exactUint64,
  int64,
  integer,
  nonEmptyString,
  object,
  oneOf,
  optional,
  record,
  required,
  string,
  uint32,
} from '../json/decode.ts';
import {
  type IntelRdt,
  type Linux,
  type LinuxDevice,
  type LinuxNamespace,
  namespaceTypes,
  rootfsPropagations,
  type TimeOffset,
} from './linux.ts';
import { idMapping } from './parse-mapping.ts';
import { resourcesDecoder } from './parse-resources.ts';
import {
  type LinuxSeccomp,
  type LinuxSyscall,
  type SeccompArg,
  seccompActions,
  seccompArchitectures,
  seccompFlags,
  seccompOperators,
} from './seccomp.ts';

type MemoryPolicy = NonNullable<Linux['memoryPolicy']>;
type Personality = NonNullable<Linux['personality']>;

const seccompArg = object<SeccompArg>({
  index: required(integer(0, 5)),
  value: required(exactUint64),
  valueTwo: optional(exactUint64),
  op: required(oneOf(seccompOperators)),
});

const syscall = object<LinuxSyscall>({
  names: required(array(nonEmptyString)),
  action: required(oneOf(seccompActions)),
  errnoRet: optional(uint32),
  args: optional(array(seccompArg, 64)),
});

const seccomp = object<LinuxSeccomp>({
  defaultAction: required(oneOf(seccompActions)),
  defaultErrnoRet: optional(uint32),
  architectures: optional(array(oneOf(seccompArchitectures))),
  flags: optional(array(oneOf(seccompFlags))),
  listenerPath: optional(cString),
  listenerMetadata: optional(string),
  syscalls: optional(array(syscall)),
});

/** Fails with invalid-argument `OCI_BAD_JSON`; for a profile that comes in a file of its own. */
export const parseSeccomp = (json: unknown): LinuxSeccomp => seccomp(json, 'seccomp');

const namespace = object<LinuxNamespace>({ type: required(oneOf(namespaceTypes)), path: optional(cString) });

const device = object<LinuxDevice>({
  path: required(cString),
  type: required(oneOf(['c', 'u', 'b', 'p'])),
  major: optional(int64),
  minor: optional(int64),
  fileMode: optional(uint32),
  uid: optional(uint32),
  gid: optional(uint32),
});

const intelRdt = object<IntelRdt>({
  closID: optional(string),
  schemata: optional(array(string)),
  l3CacheSchema: optional(string),
  memBwSchema: optional(string),
  enableCMT: optional(boolean),
  enableMBM: optional(boolean),
  enableMonitoring: optional(boolean),
});

export const linuxDecoder: Decoder<Linux> = object<Linux>({
  uidMappings: optional(array(idMapping)),
  gidMappings: optional(array(idMapping)),
  timeOffsets: optional(record(object<TimeOffset>({ secs: optional(int64), nanosecs: optional(uint32) }))),
  sysctl: optional(record(cString)),
  resources: optional(resourcesDecoder),
  cgroupsPath: optional(cString),
  namespaces: optional(array(namespace)),
  devices: optional(array(device)),
  netDevices: optional(record(object<{ name?: string }>({ name: optional(cString) }))),
  seccomp: optional(seccomp),
  rootfsPropagation: optional(oneOf(rootfsPropagations)),
  maskedPaths: optional(array(cString)),
  readonlyPaths: optional(array(cString)),
  mountLabel: optional(cString),
  intelRdt: optional(intelRdt),
  memoryPolicy: optional(object<MemoryPolicy>({ mode: optional(string), nodes: optional(string), flags: optional(array(string)) })),
  personality: optional(object<Personality>({ domain: required(oneOf(['LINUX', 'LINUX32'])), flags: optional(array(string)) })),
});
