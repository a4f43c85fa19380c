import { isOrlopError, OrlopError } from '#errors';
import type { SpecMount } from '#oci';
import { type Op, type Plan, type PlanFailureDetails, planFailureOf } from '#sys';
import { placeOf } from '../plan/places.ts';
import { describeErrno } from '../sandbox/errno-words.ts';
import { explainFailure } from '../sandbox/failure.ts';

const starting = 'unable to start container process: ';
const initializing = `${starting}error during container init: `;

/**
 * Like explainFailure, with the sentence that runc has for it: kind, code, hint and details are the same. A program that was found and that the kernel
 * then would not execute (a script whose interpreter is missing) gets the code RUNTIME_EXECVE.
 */
export function wordFailure(error: unknown, plan: Plan, { phase = 'init', mounts = [] }: Partial<Circumstances> = {}): unknown {
  const failure = planFailureOf(error);
  const told = explainFailure(error, plan);
  if (failure === null || !isOrlopError(told)) return told;
  const op = plan[failure.opIndex];
  const known = op !== undefined && op.op === failure.op ? op : null;
  const { text, code = told.code } =
    known === null ? { text: `${starting}${told.message}` } : say(known, failure, told.message, { plan, phase, mounts });
  return new OrlopError(told.kind, code, text, {
    ...(told.hint === undefined ? {} : { hint: told.hint }),
    details: { ...failure },
    cause: error,
  });
}

interface Circumstances {
  readonly phase: 'init' | 'exec';
  /** Those of the spec, which know what was to be mounted. */
  readonly mounts: readonly SpecMount[];
}

interface Scene extends Circumstances {
  readonly plan: Plan;
}

function say(op: Op, failure: PlanFailureDetails, sentence: string, { plan, phase, mounts }: Scene): { text: string; code?: string } {
  if (op.op === 'execute') {
    const program = op.argv[0] ?? '';
    const found = failure.detail === 'interpreter' || failure.errno === 'ENOEXEC';
    // Where it is looked for, a file that may not be executed is passed over (Go's LookPath).
    if (failure.errno === 'EACCES' && !program.includes('/'))
      return { text: `${starting}exec: ${JSON.stringify(program)}: executable file not found in $PATH` };
    return found
      ? { text: `exec ${failure.path}: ${describeErrno(failure.errno)}`, code: 'RUNTIME_EXECVE' }
      : { text: starting + sentence };
  }
  if (op.op === 'clone' || op.op === 'join_namespaces' || op.op === 'map_ids') return { text: starting + sentence };
  const words = op.op === 'run_hook' ? sayHook(op, failure, plan) : sayOp(op, failure, mounts);
  return { text: (phase === 'exec' ? starting : initializing) + (words ?? sentence) };
}

/** SCHED_DEADLINE of linux/sched.h. */
const deadlinePolicy = 6;

function sayOp(op: Op, failure: PlanFailureDetails, mounts: readonly SpecMount[]): string | null {
  const reason = describeErrno(failure.errno);
  switch (op.op) {
    case 'change_directory':
      return failure.errno === 'ENOENT' && failure.syscall !== 'chdir'
        ? 'current working directory is outside of container mount namespace root -- possible container breakout detected'
        : `chdir to cwd (${JSON.stringify(op.path)}) set in config.json failed: ${reason}`;
    case 'make_working_directory':
      return `mkdir ${op.path}: ${reason}`;
    case 'mount':
      if (['proc', 'sysfs'].includes(op.fstype) && ['ELOOP', 'ENOTDIR'].includes(failure.errno))
        return `error mounting ${JSON.stringify(op.source)} to rootfs at ${JSON.stringify(op.target)}: filesystem ${JSON.stringify(op.fstype)} must be mounted on ordinary directory`;
      return sayMount(op.source, op.target, failure);
    case 'bind':
    case 'bind_inside':
      return sayMount(op.source, op.target, failure);
    case 'attach_mount':
    case 'attach_queued':
      return sayMount(mounts.findLast((mount) => placeOf(mount) === op.target)?.source ?? '', op.target, failure);
    case 'set_sysctl':
      return failure.syscall.startsWith('open') ? `open /proc/sys/${op.path}: ${reason}` : `write /proc/sys/${op.path}: ${reason}`;
    case 'set_rlimit':
      return `error setting rlimits for ready process: error setting rlimit type ${op.resource}: ${reason}`;
    case 'set_scheduler':
      // sched_setattr(2), EPERM: a deadline needs all processors of the system.
      return failure.errno === 'EPERM' && op.policy === deadlinePolicy
        ? "process scheduler can't be used together with AllowedCPUs"
        : `error setting scheduler: ${reason}`;
    case 'set_memory_policy':
      return `error setting memory policy: set_mempolicy: ${reason}`;
    case 'make_read_only':
      return `can't make ${JSON.stringify(op.target)} read-only: ${reason}`;
    case 'mask':
      return `can't mask path ${JSON.stringify(op.target)}: ${reason}`;
    default:
      return null;
  }
}

function sayMount(source: string, target: string, failure: PlanFailureDetails): string {
  return `error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(target)}: mount ${source}:${target}: ${reasonOf(failure)}`;
}

function reasonOf({ errno, detail }: PlanFailureDetails): string {
  const reason = errno === 'ENODEV' ? 'no such device' : describeErrno(errno);
  return detail === '' ? reason : `${reason} (${detail.trim()})`;
}

/** runc 1.1 says "error running hook #1", later ones name the phase; callers look for either. */
export function formatHookFailure(phase: string, index: number, why: string): string {
  return `error running ${phase} hook #${index}: error running hook #${index}: ${why}`;
}

/** How a hook ended that the stage ran: bosun tells "exit status 3: " and what it wrote. */
export function describeHookEnd({ errno, detail, path }: PlanFailureDetails, timeoutMs: number): string {
  if (errno === 'ETIMEDOUT') return `hook ran past specified timeout of ${(timeoutMs / 1000).toFixed(1)}s`;
  const unstarted = unstartedWords[/^exit status 127: (.*)$/.exec(detail)?.[1] ?? ''];
  if (unstarted !== undefined) return `fork/exec ${path}: ${unstarted}`;
  const [, end, output] = /^((?:exit status|signal) \d+)(?:: )?([^]*)$/.exec(detail) ?? [];
  return end === undefined ? detail || describeErrno(errno) : `${sayEnd(end)}, output: ${output ?? ''}`;
}

/** What bosun writes for a hook that it cannot execute, in Go's words. */
const unstartedWords: Readonly<Record<string, string>> = {
  'no such program': 'no such file or directory',
  'not executable': 'permission denied',
};

/** Signals of hooks under a seccomp filter and of those that nobody waited for longer, in Go's words. */
const signalWords: Readonly<Record<string, string>> = {
  'signal 9': 'signal: killed',
  'signal 11': 'signal: segmentation fault',
  'signal 15': 'signal: terminated',
  'signal 31': 'signal: bad system call',
};

function sayEnd(end: string): string {
  return signalWords[end] ?? end;
}

/** createContainer hooks come before the root is entered, startContainer hooks after it. */
function sayHook(op: Extract<Op, { op: 'run_hook' }>, failure: PlanFailureDetails, plan: Plan): string {
  const entered = plan.findIndex((one) => one.op === 'enter_root');
  const late = entered < failure.opIndex;
  const before = plan.slice(late ? entered + 1 : 0, failure.opIndex).filter((one) => one.op === 'run_hook').length;
  return formatHookFailure(late ? 'startContainer' : 'createContainer', before, describeHookEnd(failure, op.timeout_ms));
}
