import { existsSync, readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { type LinuxCapabilities, parseJson, parseProcess, type Process, type Spec } from '#oci';
import { spawnCreatorSync } from '#sys';
import type { Cgroup } from '../../cgroups/types.ts';
import { execParking, prepareExec, prepareExecSandbox } from '../../sandbox/exec.ts';
import { translateId } from '../../sandbox/id-map.ts';
import { formatInitialAffinity } from '../../plan/scheduling.ts';
import type { Parked } from '../../sandbox/start.ts';
import type { Stdio } from '../../sandbox/types.ts';
import { type ContainerRecord, loadRecord, loadSpec } from '../../state/record.ts';
import { type ParsedFlags, usageError } from '../arguments.ts';
import { checkProcess } from '../checks.ts';
import { type Command, takeId } from '../command.ts';
import { completeProcess } from '../complete-process.ts';
import type { RuntimeContext } from '../context.ts';
import { openForeground } from '../foreground.ts';
import { shareHostResources } from '../host-resources.ts';
import { cachedSeccomp } from '../filter-cache.ts';
import { wordFailure } from '../failure-words.ts';
import { findInherited } from '../inherited.ts';
import { writePidFile } from '../pid-file.ts';
import { sendPidfd } from '../pidfd-socket.ts';
import { cgroupOf, requireStatus, stateOf } from '../status.ts';
import { findSubCgroup } from '../sub-cgroup.ts';
import { openStreams } from '../terminal.ts';

const patienceMs = 120_000;

export const exec: Command = {
  about: 'execute new process inside the container',
  usage: '<container-id> <command> [command options]  || -p process.json <container-id>',
  prefix: 'exec failed: ',
  failure: 255,
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  passesOn: true,
  flags: {
    'console-socket': { kind: 'text', about: 'path to an AF_UNIX socket which takes the terminal' },
    'pidfd-socket': { kind: 'text', about: 'path to an AF_UNIX socket which takes a pidfd of the process' },
    cwd: { kind: 'text', about: 'current working directory in the container' },
    env: { kind: 'texts', short: 'e', about: 'set environment variables' },
    tty: { kind: 'flag', short: 't', about: 'allocate a pseudo-TTY' },
    user: { kind: 'text', short: 'u', about: 'UID (format: <uid>[:<gid>])' },
    'additional-gids': { kind: 'texts', short: 'g', about: 'additional gids' },
    process: { kind: 'text', short: 'p', about: 'path to the process.json' },
    detach: { kind: 'flag', short: 'd', about: "detach from the container's process" },
    'pid-file': { kind: 'text', about: 'file to write the process id to' },
    'process-label': { kind: 'text', about: 'SELinux label of the process' },
    apparmor: { kind: 'text', about: 'AppArmor profile of the process' },
    'no-new-privs': { kind: 'flag', about: 'no program may raise its privileges' },
    cap: { kind: 'texts', short: 'c', about: 'add a capability' },
    'preserve-fds': { kind: 'number', about: 'pass N additional file descriptors to the process', preset: '0' },
    cgroup: { kind: 'texts', about: 'run the process in an (existing) sub-cgroup. Format is [<controller>:]<cgroup>.' },
    'ignore-paused': { kind: 'flag', about: 'allow exec in a paused container; the process waits until it is resumed' },
  },
  async run(context, flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    requireStatus(context, record, 'exec', 'running', 'created', ...(flags.flag('ignore-paused') ? (['paused'] as const) : []));
    refuseHostsRoot(record);
    const spec = loadSpec(context.root, record.id);
    const asked = planProcess(spec, flags, rest.slice(1));
    checkProcess(asked);
    return runExec(context, record, { spec, asked, flags });
  },
};

/** Who joins the namespaces of such a container would be in the host's root, where runc's exec runs its programs. */
function refuseHostsRoot({ id, rootMount }: ContainerRecord): void {
  if (rootMount === undefined) return;
  throw new OrlopError(
    'unimplemented',
    'RUNTIME_EXEC_HOST_ROOT',
    `exec is not supported in container ${id}, which has no mount namespace`,
    {
      hint: 'add {"type": "mount"} to linux.namespaces',
    },
  );
}

interface ExecRequest {
  readonly spec: Spec;
  readonly asked: Process;
  readonly flags: ParsedFlags;
}

async function runExec(context: RuntimeContext, record: ContainerRecord, { spec, asked, flags }: ExecRequest): Promise<number> {
  const addon = context.addon();
  const detach = flags.flag('detach');
  const consoleSocket = flags.text('console-socket') ?? '';
  const { passed, listening } = findInherited(flags.number('preserve-fds') ?? 0);
  const prefix = 'unable to start container process: ';
  const process = completeProcess(context, asked, { root: `/proc/${record.pid}/root`, prefix, listening });
  const cgroup = findSubCgroup(cgroupOf(context, record), flags.texts('cgroup'));
  using streams = openStreams(addon, {
    terminal: process.terminal === true,
    detach,
    ...(consoleSocket === '' ? {} : { consoleSocket }),
    ...(process.consoleSize === undefined ? {} : { size: process.consoleSize }),
  });
  using foreground = detach ? null : openForeground(addon);
  const pid = startProcess(context, record, { spec, process, cgroup, stdio: streams.stdio, passed });
  const pidFile = flags.text('pid-file') ?? '';
  if (pidFile !== '') writePidFile(pidFile, pid);
  sendPidfd(addon, pid, flags.text('pidfd-socket'));
  if (foreground === null) return 0;
  const copied = streams.follow();
  const code = await foreground.waitFor(pid, streams.areCopied);
  await copied;
  return code;
}

interface ExecParts {
  readonly spec: Spec;
  readonly process: Process;
  readonly cgroup: Cgroup;
  readonly stdio: Stdio;
  readonly passed: readonly number[];
}

function startProcess(
  context: RuntimeContext,
  record: ContainerRecord,
  { spec, process, cgroup: place, stdio, passed }: ExecParts,
): number {
  const addon = context.addon();
  const options = {
    addon,
    bosun: context.bosun(),
    pid: record.pid,
    cgroup: place,
    ...(record.idMap === null ? {} : { idMap: record.idMap }),
    ...(process.execCPUAffinity === undefined ? {} : { affinity: process.execCPUAffinity }),
  };
  using entry = prepareExecSandbox(options);
  using creator = spawnCreatorSync({ addon, bosun: options.bosun, timeoutMs: patienceMs });
  let plan = entry.plan;
  try {
    context.log.write('debug', 'nsexec container setup');
    const affinity = formatInitialAffinity(process.execCPUAffinity, 'process.execCPUAffinity');
    if (affinity !== null) context.log.write('debug', `nsexec[${globalThis.process.pid}]: affinity: ${affinity}`);
    const made = creator.beginSandbox(entry.plan, entry.descriptors);
    let known: number | null = null;
    const pid = (): number => (known ??= made().pid);
    const { namespaces, idMap, cgroup } = execParking(options, entry.names);
    const parked: Parked = {
      addon,
      get pid() {
        return pid();
      },
      namespaces,
      idMap,
      cgroup,
      openNamespace: () => -1,
      hostUid: (uid) => (idMap === null ? uid : translateId(uid, idMap.uids)),
      hostGid: (gid) => (idMap === null ? gid : translateId(gid, idMap.gids)),
    };
    const profile = spec.linux?.seccomp;
    using prepared = prepareExec(parked, {
      process,
      stdio,
      passed,
      compile: (asked) => cachedSeccomp(asked, context),
      surroundings: spec.linux ?? {},
      ...(profile === undefined ? {} : { profile, state: stateOf(context, record, 'running') }),
    });
    shareHostResources(spec, record.id, pid());
    plan = prepared.plan;
    context.log.write('debug', 'child process in init()');
    context.log.write('debug', 'setns_init: about to exec');
    creator.run(prepared.plan, prepared.descriptors);
    return pid();
  } catch (error) {
    throw wordFailure(error, plan, { phase: 'exec' });
  }
}

/** The container's own process with what the flags change, or the one from a file. */
export function planProcess(spec: Spec, flags: ParsedFlags, command: readonly string[]): Process {
  const file = flags.text('process') ?? '';
  if (file !== '') return parseProcess(parseJson(readProcessFile(file), { name: file, maxBytes: 4 * 1024 * 1024 }));
  if (command.length === 0) throw usageError('process args cannot be empty');
  const base = spec.process ?? { cwd: '/' };
  const { consoleSize: _size, ...inherited } = base;
  const { apparmor, label } = { apparmor: flags.text('apparmor'), label: flags.text('process-label') };
  return {
    ...inherited,
    args: command,
    terminal: flags.flag('tty'),
    cwd: flags.text('cwd') || base.cwd,
    env: [...(base.env ?? []), ...flags.texts('env')],
    user: userOf(base, flags),
    noNewPrivileges: flags.text('no-new-privs') === undefined ? base.noNewPrivileges === true : flags.flag('no-new-privs'),
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
    ...(label === undefined ? {} : { selinuxLabel: label }),
    ...(flags.texts('cap').length === 0 ? {} : { capabilities: withCapabilities(base.capabilities, flags.texts('cap')) }),
  };
}

function readProcessFile(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    if (existsSync(file) || !isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_FILE_MISSING', `open ${file}: no such file or directory`, { cause: error });
  }
}

function userOf(base: Process, flags: ParsedFlags): NonNullable<Process['user']> {
  const inherited = base.user ?? { uid: 0, gid: 0 };
  const extra = flags.texts('additional-gids').flatMap((text) => text.split(',').map((word) => parseId(word, 'gid')));
  const additionalGids = [...(inherited.additionalGids ?? []), ...extra];
  const text = flags.text('user') ?? '';
  if (text === '') return { ...inherited, additionalGids };
  const [uid = '', gid] = text.split(':');
  const group = gid === undefined ? inherited.gid : parseId(gid, 'gid');
  return { ...inherited, uid: parseId(uid, 'uid'), gid: group, additionalGids };
}

function parseId(text: string, what: 'uid' | 'gid'): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1) return Number(text);
  throw usageError(`parsing ${text} as int for ${what} failed: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** As runc: added to every set but the inheritable one, and to the ambient one where that allows it. */
function withCapabilities(base: LinuxCapabilities = {}, names: readonly string[]): LinuxCapabilities {
  const { inheritable = [], ambient = [] } = base;
  const added = (set: readonly string[] = []): string[] => [...new Set([...set, ...names])];
  return {
    ...base,
    bounding: added(base.bounding),
    effective: added(base.effective),
    permitted: added(base.permitted),
    inheritable,
    ambient: added(ambient).filter((name) => ambient.includes(name) || inheritable.includes(name)),
  };
}
