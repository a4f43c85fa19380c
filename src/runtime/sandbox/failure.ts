import { kindOfErrno, OrlopError } from '#errors';
import type { Op, Plan } from '#sys';
import { namespaceFlags, type PlanFailureDetails, planFailureOf, rlimits } from '#sys';
import { describeErrno } from './errno-words.ts';

type OpOf<Name extends Op['op']> = Extract<Op, { op: Name }>;

/**
 * The sentence for a plan that failed: names the mount, the command, the directory, the setting. Other errors are given back as they are.
 * Commands: RUNTIME_COMMAND_NOT_FOUND (not-found), RUNTIME_COMMAND_NOT_EXECUTABLE (permission-denied).
 */
export function explainFailure(error: unknown, plan: Plan): unknown {
  const failure = planFailureOf(error);
  if (failure === null) return error;
  const op = plan[failure.opIndex];
  const told = op === undefined || op.op !== failure.op ? null : explain(op, failure);
  if (told === null) return error;
  const { code, text, kind = kindOfErrno(failure.errno), hint } = told;
  return new OrlopError(kind, code, text, { ...(hint === undefined ? {} : { hint }), details: { ...failure }, cause: error });
}

interface Told {
  readonly code: string;
  readonly text: string;
  readonly kind?: OrlopError['kind'];
  readonly hint?: string;
}

function explain(op: Op, failure: PlanFailureDetails): Told | null {
  switch (op.op) {
    case 'execute':
      return explainCommand(op, failure);
    case 'change_directory':
    case 'make_working_directory':
      return {
        code: 'RUNTIME_WORKING_DIRECTORY',
        // Docker's words for the one that people know.
        text:
          failure.errno === 'ENOTDIR'
            ? `Cannot mkdir: ${op.path} is not a directory`
            : `working directory ${op.path} cannot be entered: ${said(failure)}`,
        hint: 'check --workdir and the rights on it',
      };
    case 'mount':
    case 'bind':
    case 'bind_inside':
    case 'attach_mount':
    case 'attach_queued':
    case 'set_mount_attributes':
    case 'reconfigure_mount':
    case 'mask':
    case 'make_read_only':
      return explainMount(op, failure);
    case 'make_node':
    case 'make_symlink':
    case 'make_directory':
      return { code: 'RUNTIME_ROOT_FILE', text: `${op.target} cannot be made in the container: ${said(failure)}` };
    case 'move_tree':
      return { code: 'RUNTIME_MOUNT_FAILED', text: `${op.target} cannot be mounted in the container: ${said(failure)}` };
    case 'open_skeleton':
    case 'attach_root':
    case 'open_root':
    case 'enter_root':
      return { code: 'RUNTIME_ROOT', text: `the container's root cannot be entered: ${failure.syscall} ${failure.path}: ${said(failure)}` };
    case 'open_terminal':
      return {
        code: 'RUNTIME_TERMINAL',
        text: `no terminal can be opened in the container: ${failure.path}: ${said(failure)}`,
        hint: 'mount devpts on /dev/pts',
      };
    case 'run_hook':
      return { code: 'RUNTIME_HOOK_FAILED', text: `hook ${op.path} failed: ${said(failure)}`, kind: 'failed-precondition' };
    default:
      return explainSetting(op, failure) ?? explainNamespace(op, failure);
  }
}

function said(failure: PlanFailureDetails): string {
  const words = describeErrno(failure.errno);
  return failure.detail === '' ? words : `${words} (${failure.detail.trim()})`;
}

/** Texts as Docker's and runc's users know them. */
function explainCommand(op: OpOf<'execute'>, { errno, syscall, path, detail }: PlanFailureDetails): Told {
  const name = JSON.stringify(op.argv[0] ?? '');
  if (syscall !== 'execve')
    return { code: 'RUNTIME_EXECUTE', text: `exec: ${name}: ${syscall} ${path}: ${describeErrno(errno)} ${detail}`.trim() };
  const searched = !(op.argv[0] ?? '').includes('/');
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    const text = searched
      ? `exec: ${name}: executable file not found in $PATH`
      : `exec: ${name}: stat ${op.argv[0]}: ${describeErrno(errno)}`;
    return {
      code: 'RUNTIME_COMMAND_NOT_FOUND',
      kind: 'not-found',
      text,
      hint: 'check the command, and for a script the interpreter it names',
    };
  }
  const forbidden = ['EACCES', 'EPERM', 'ENOEXEC', 'EISDIR', 'ETXTBSY', 'ELIBBAD'].includes(errno);
  return {
    code: forbidden ? 'RUNTIME_COMMAND_NOT_EXECUTABLE' : 'RUNTIME_EXECUTE',
    ...(forbidden ? { kind: 'permission-denied' } : {}),
    text: `exec: ${name}: ${describeErrno(errno)}`,
    ...(errno === 'ENOEXEC'
      ? { hint: 'the file is for another processor, or a script without a first line that names its interpreter' }
      : {}),
  };
}

type MountOp = OpOf<
  | 'mount'
  | 'bind'
  | 'bind_inside'
  | 'attach_mount'
  | 'attach_queued'
  | 'set_mount_attributes'
  | 'reconfigure_mount'
  | 'mask'
  | 'make_read_only'
>;

function explainMount(op: MountOp, failure: PlanFailureDetails): Told {
  const code = 'RUNTIME_MOUNT_FAILED';
  const reason = said(failure);
  switch (op.op) {
    case 'mount':
      return { code, text: `${op.fstype} (${op.source}) cannot be mounted on ${op.target}: ${reason}`, ...mountHint(op, failure) };
    case 'bind':
    case 'bind_inside':
      return {
        code,
        text: `${op.source} cannot be mounted on ${op.target}: ${reason}`,
        hint: `check that the source exists ${op.op === 'bind' ? 'on the host' : 'in the container'}`,
      };
    case 'attach_mount':
    case 'attach_queued':
      return {
        code,
        text: `nothing can be mounted on ${op.target}: ${reason}`,
        hint: 'a file can only be mounted on a file, a directory on a directory',
      };
    case 'set_mount_attributes':
    case 'reconfigure_mount':
      return { code, text: `the options of the mount on ${op.target} cannot be set: ${reason}` };
    default:
      return { code, text: `${op.target} cannot be ${op.op === 'mask' ? 'masked' : 'made read-only'}: ${reason}` };
  }
}

function mountHint(op: OpOf<'mount'>, { errno }: PlanFailureDetails): { hint?: string } {
  if (errno === 'ENODEV') return { hint: `this kernel does not know the file system ${op.fstype}` };
  if (errno === 'EPERM' && op.fstype === 'sysfs')
    return { hint: 'sysfs can only be mounted by the owner of the network namespace: bind /sys, or use an own network namespace' };
  if (errno === 'EINVAL') return { hint: `check the options: ${op.options.join(',') || 'none were given'}` };
  return {};
}

function explainSetting(op: Op, failure: PlanFailureDetails): Told | null {
  const reason = said(failure);
  switch (op.op) {
    case 'set_hostname':
    case 'set_domainname':
      return { code: 'RUNTIME_HOSTNAME', text: `the name ${JSON.stringify(op.name)} cannot be given to the container: ${reason}` };
    case 'set_sysctl':
      return {
        code: 'RUNTIME_SYSCTL',
        text: `sysctl ${op.path.replaceAll('/', '.')} cannot be set to ${JSON.stringify(op.value)}: ${reason}`,
      };
    case 'set_rlimit':
      return {
        code: 'RUNTIME_RLIMIT',
        text: `${nameOfLimit(op.resource)} cannot be set to ${op.soft}:${op.hard}: ${reason}`,
        ...(failure.errno === 'EPERM' ? { hint: "a hard limit cannot be raised above the engine's own" } : {}),
      };
    case 'set_user':
      return {
        code: 'RUNTIME_USER',
        text: `the process cannot become user ${op.uid}:${op.gid}: ${reason}`,
        ...(failure.errno === 'EINVAL' ? { hint: "the id is not mapped in the container's user namespace" } : {}),
      };
    case 'set_capabilities':
    case 'drop_bounding':
      return {
        code: 'RUNTIME_CAPABILITIES',
        text: `the capabilities cannot be set: ${reason}`,
        hint: 'the engine itself may lack one of them',
      };
    case 'load_seccomp':
      return { code: 'RUNTIME_SECCOMP', text: `the seccomp filter cannot be loaded: ${reason}` };
    case 'set_memory_policy':
      return {
        code: 'RUNTIME_MEMORY_POLICY',
        text: `the memory policy of linux.memoryPolicy cannot be set: ${reason}`,
        ...(failure.errno === 'ENOSYS' ? { hint: 'this kernel is built without NUMA' } : {}),
        ...(failure.errno === 'EINVAL' ? { hint: 'a node may not exist or not be allowed here, or this kernel lacks the mode' } : {}),
      };
    case 'set_scheduler':
      return { code: 'RUNTIME_SCHEDULER', text: `the scheduling policy of process.scheduler cannot be set: ${reason}` };
    case 'set_io_priority':
      return { code: 'RUNTIME_IO_PRIORITY', text: `the I/O priority of process.ioPriority cannot be set: ${reason}` };
    case 'start_on':
    case 'set_affinity':
      return {
        code: 'RUNTIME_AFFINITY',
        text: `the processors of process.execCPUAffinity.${op.op === 'start_on' ? 'initial' : 'final'} cannot be set: ${reason}`,
        ...(failure.errno === 'EINVAL' ? { hint: 'none of them is there, or the cgroup permits none of them' } : {}),
      };
    case 'set_personality':
      return { code: 'RUNTIME_PERSONALITY', text: `the personality of linux.personality cannot be set: ${reason}` };
    case 'set_label':
      return { code: 'RUNTIME_LABEL', text: `the security label ${JSON.stringify(op.label)} cannot be set: ${reason}` };
    default:
      return null;
  }
}

function nameOfLimit(resource: number): string {
  return Object.entries(rlimits).find(([, number]) => number === resource)?.[0] ?? `resource limit ${resource}`;
}

function explainNamespace(op: Op, failure: PlanFailureDetails): Told | null {
  const reason = said(failure);
  switch (op.op) {
    case 'clone':
    case 'unshare':
      return {
        code: 'RUNTIME_NAMESPACES',
        text: `the container's namespaces cannot be made: ${failure.syscall}: ${reason}`,
        ...(['ENOSPC', 'EUSERS', 'EPERM'].includes(failure.errno) ? { hint: 'see /proc/sys/user/max_*_namespaces' } : {}),
      };
    case 'join_namespaces':
      return {
        code: 'RUNTIME_NAMESPACES',
        text: `failed to ${failure.syscall} into ${nameNamespaces(Number(op.flags))} namespace: ${reason}`,
      };
    case 'map_ids':
      return {
        code: 'RUNTIME_ID_MAP',
        text: `the id mappings are not accepted: ${reason} (users ${oneLine(op.uids)}; groups ${oneLine(op.gids)})`,
      };
    case 'join_cgroup':
      return { code: 'RUNTIME_CGROUP_ENTER', text: `the process cannot enter its cgroup: ${op.tasks}: ${reason}` };
    case 'enter_cgroup':
      return { code: 'RUNTIME_CGROUP_ENTER', text: `the process cannot enter its cgroup: ${op.procs}: ${reason}` };
    case 'set_oom_score':
      return {
        code: 'RUNTIME_OOM_SCORE',
        text: `oom_score_adj cannot be set to ${op.value}: ${reason}`,
        hint: 'lowering it takes CAP_SYS_RESOURCE',
      };
    default:
      return null;
  }
}

/** `net`, or `mnt, net` where they are joined at once. */
function nameNamespaces(flags: number): string {
  const names = Object.entries(namespaceFlags).filter(([, flag]) => (flags & flag) === flag);
  return names.map(([name]) => name).join(', ');
}

function oneLine(map: string): string {
  return map.trim().replaceAll('\n', ', ');
}
