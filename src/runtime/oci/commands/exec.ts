import { readFileSync } from 'node:fs';
import { type LinuxCapabilities, parseJson, parseProcess, type Process, type Spec } from '#oci';
import { spawnCreatorSync } from '#sys';
import { execParking, prepareExec, prepareExecSandbox } from '../../sandbox/exec.ts';
import { explainFailure } from '../../sandbox/failure.ts';
import { translateId } from '../../sandbox/id-map.ts';
import type { Parked } from '../../sandbox/start.ts';
import type { Stdio } from '../../sandbox/types.ts';
import { type ContainerRecord, loadRecord, loadSpec, replaceFile } from '../../state/record.ts';
import { type ParsedFlags, usageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import type { RuntimeContext } from '../context.ts';
import { openForeground } from '../foreground.ts';
import { withHome } from '../home.ts';
import { cgroupOf, requireStatus } from '../status.ts';
import { openStreams } from '../terminal.ts';
import { inheritedDescriptors } from './create.ts';

const patienceMs = 120_000;

export const exec: Command = {
  about: 'run one more process in a container',
  usage: '<container-id> <command> [argument ...]',
  failure: 255,
  flags: {
    'console-socket': { kind: 'text', about: 'unix socket that takes the terminal' },
    cwd: { kind: 'text', about: 'working directory' },
    env: { kind: 'texts', short: 'e', about: 'environment variable NAME=VALUE' },
    tty: { kind: 'flag', short: 't', about: 'with a terminal' },
    user: { kind: 'text', short: 'u', about: 'UID[:GID]' },
    'additional-gids': { kind: 'texts', short: 'g', about: 'supplementary group' },
    process: { kind: 'text', short: 'p', about: 'file with the process as JSON' },
    detach: { kind: 'flag', short: 'd', about: 'do not wait for the process' },
    'pid-file': { kind: 'text', about: 'file for the process id' },
    'process-label': { kind: 'text', about: 'SELinux label' },
    apparmor: { kind: 'text', about: 'AppArmor profile' },
    'no-new-privs': { kind: 'flag', about: 'no program may raise its privileges' },
    cap: { kind: 'texts', short: 'c', about: 'add a capability' },
    'preserve-fds': { kind: 'number', about: 'how many further descriptors, from 3 on, the process gets' },
    'ignore-paused': { kind: 'flag', about: 'enter a paused container; the process waits until it is resumed' },
  },
  async run(context, flags, rest) {
    const [id, ...command] = rest;
    if (id === undefined) throw usageError('a container id is needed');
    const record = loadRecord(context.root, id);
    requireStatus(context, record, 'exec in', 'running', 'created', ...(flags.flag('ignore-paused') ? (['paused'] as const) : []));
    const spec = loadSpec(context.root, id);
    const process = withHome(context.addon(), planProcess(spec, flags, command), `/proc/${record.pid}/root`);
    return runExec(context, record, spec, process, flags);
  },
};

async function runExec(
  context: RuntimeContext,
  record: ContainerRecord,
  spec: Spec,
  process: Process,
  flags: ParsedFlags,
): Promise<number> {
  const addon = context.addon();
  const detach = flags.flag('detach');
  const consoleSocket = flags.text('console-socket');
  using streams = openStreams(addon, {
    terminal: process.terminal === true,
    detach,
    ...(consoleSocket === undefined ? {} : { consoleSocket }),
    ...(process.consoleSize === undefined ? {} : { size: process.consoleSize }),
  });
  using foreground = detach ? null : openForeground(addon);
  const pid = startProcess(context, record, spec, process, streams.stdio, inheritedDescriptors(flags));
  const pidFile = flags.text('pid-file');
  if (pidFile !== undefined) replaceFile(pidFile, String(pid));
  if (foreground === null) return 0;
  const copied = streams.follow();
  const code = await foreground.waitFor(pid);
  await copied;
  return code;
}

function startProcess(
  context: RuntimeContext,
  record: ContainerRecord,
  spec: Spec,
  process: Process,
  stdio: Stdio,
  passed: readonly number[],
): number {
  const addon = context.addon();
  const options = {
    addon,
    bosun: context.bosun(),
    pid: record.pid,
    cgroup: cgroupOf(context, record),
    ...(record.idMap === null ? {} : { idMap: record.idMap }),
    ...(process.execCPUAffinity === undefined ? {} : { affinity: process.execCPUAffinity }),
  };
  using place = prepareExecSandbox(options);
  using creator = spawnCreatorSync({ addon, bosun: options.bosun, timeoutMs: patienceMs });
  let plan = place.plan;
  try {
    const { pid } = creator.sandbox(place.plan, place.descriptors);
    const { namespaces, idMap, cgroup } = execParking(options, place.names);
    const parked: Parked = {
      addon,
      pid,
      namespaces,
      idMap,
      cgroup,
      openNamespace: () => -1,
      hostUid: (uid) => (idMap === null ? uid : translateId(uid, idMap.uids)),
      hostGid: (gid) => (idMap === null ? gid : translateId(gid, idMap.gids)),
    };
    const profile = spec.linux?.seccomp;
    using prepared = prepareExec(parked, { process, stdio, passed, surroundings: spec.linux ?? {}, ...(profile === undefined ? {} : { profile }) });
    plan = prepared.plan;
    creator.run(prepared.plan, prepared.descriptors);
    return pid;
  } catch (error) {
    throw explainFailure(error, plan);
  }
}

/** The container's own process with what the flags change, or the one from a file. */
export function planProcess(spec: Spec, flags: ParsedFlags, command: readonly string[]): Process {
  const file = flags.text('process');
  if (file !== undefined) return parseProcess(parseJson(readFileSync(file), { name: file, maxBytes: 4 * 1024 * 1024 }));
  if (command.length === 0) throw usageError('a command is needed, or --process');
  const base = spec.process ?? { cwd: '/' };
  const { consoleSize: _size, ...inherited } = base;
  const { apparmor, label } = { apparmor: flags.text('apparmor'), label: flags.text('process-label') };
  return {
    ...inherited,
    args: command,
    terminal: flags.flag('tty'),
    cwd: flags.text('cwd') ?? base.cwd,
    env: [...(base.env ?? []), ...flags.texts('env')],
    user: userOf(base, flags),
    noNewPrivileges: flags.flag('no-new-privs') || base.noNewPrivileges === true,
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
    ...(label === undefined ? {} : { selinuxLabel: label }),
    ...(flags.texts('cap').length === 0 ? {} : { capabilities: withCapabilities(base.capabilities, flags.texts('cap')) }),
  };
}

function userOf(base: Process, flags: ParsedFlags): NonNullable<Process['user']> {
  const inherited = base.user ?? { uid: 0, gid: 0 };
  const extra = flags.texts('additional-gids').flatMap((text) => text.split(',').map((one) => parseId(one, 'additional-gids')));
  const additionalGids = [...(inherited.additionalGids ?? []), ...extra];
  const text = flags.text('user');
  if (text === undefined) return { ...inherited, additionalGids };
  const [uid = '', gid] = text.split(':');
  return { ...inherited, uid: parseId(uid, 'user'), gid: gid === undefined ? inherited.gid : parseId(gid, 'user'), additionalGids };
}

function parseId(text: string, flag: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1) return Number(text);
  throw usageError(`invalid value ${JSON.stringify(text)} for --${flag}: not an id`);
}

/** As runc: added to every set but the ambient one. */
function withCapabilities(base: LinuxCapabilities = {}, names: readonly string[]): LinuxCapabilities {
  const added = (set: readonly string[] = []): string[] => [...new Set([...set, ...names])];
  return {
    ...base,
    bounding: added(base.bounding),
    effective: added(base.effective),
    permitted: added(base.permitted),
    inheritable: base.inheritable ?? [],
  };
}
