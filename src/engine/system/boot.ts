import { isErrno, isOrlopError } from '#errors';
import { readinessProbe, type BootState, type InitSystem, type ReadinessProbe } from '#system';
import type { BootView } from '#wire';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { withRunningRoot } from '../files/hold.ts';
import { probe } from '../health/probe.ts';

/** The questions that a machine's init is asked from its start to its end. */
export interface BootWatch {
  state: BootState;
  /** Called once at the next change. */
  readonly onChange: Set<() => void>;
  /** How its init is asked; null: it cannot be, or nobody has looked yet. */
  question: Promise<ReadinessProbe | null> | null;
  stop(): void;
}

const firstWaitMs = 100;
const patientTimeoutNs = 600e9;
const timeoutNs = 10e9;
const commandNotFound = 127;
const nobodyThere = ['deadline-exceeded', 'conflict', 'unavailable'] as const;

/**
 * How long until the next question, ms: ever rarer while a machine boots, and now and then once it is up, since units fail later as well. Each question is a process in the machine. Pure.
 */
export function waitForAnswerMs(state: BootState, asked: number): number {
  if (state !== 'starting') return 300_000;
  return asked > 300 ? 30_000 : Math.min(2000, firstWaitMs * 1.3 ** asked);
}

/** Asks a running machine how far it is, from now on until its end, if its init can be asked. */
export function watchBoot(context: EngineContext, container: LiveContainer): void {
  stopBootWatch(container);
  container.boot = null;
  if (container.record.kind !== 'system') return;
  let timer: NodeJS.Timeout | undefined;
  const over = new AbortController();
  const stop = (): void => {
    clearTimeout(timer);
    over.abort();
  };
  const watch: BootWatch = { state: 'starting', onChange: new Set(), question: null, stop };
  let asked = 0;
  const isCurrent = (): boolean => container.boot === watch && container.connection !== null && !over.signal.aborted;
  const fail = (error: unknown): void =>
    context.logger.warn('a machine cannot be asked how far it is', { container: container.record.name, error });
  const askLater = (): void => {
    timer = setTimeout(() => void ask().catch(fail), waitForAnswerMs(watch.state, asked++)).unref();
  };
  const ask = async (): Promise<void> => {
    const answer = await askInit(context, container, watch, over.signal);
    if (!isCurrent()) return;
    if (answer === 'cannot be asked') container.boot = null;
    else if (answer !== null && answer !== watch.state) settle(context, container, watch, answer);
    if (container.boot === null) tellWaiting(watch);
    else askLater();
  };
  container.boot = watch;
  askLater();
}

/** The container has ended, or the engine goes. */
export function stopBootWatch({ boot }: LiveContainer): void {
  boot?.stop();
  if (boot !== null) tellWaiting(boot);
}

/** How far a machine that runs is; null: it is none, or nobody can tell. */
export function bootViewOf({ boot, record, stopping }: LiveContainer): BootView | null {
  if (boot === null || record.state.status !== 'running') return null;
  if (stopping) return 'stopping';
  return boot.state === 'starting' ? 'booting' : boot.state;
}

function settle(context: EngineContext, container: LiveContainer, watch: BootWatch, state: BootState): void {
  watch.state = state;
  if (state !== 'starting') publishContainerEvent(context, container, `boot_status: ${state}`);
  tellWaiting(watch);
}

function tellWaiting({ onChange }: BootWatch): void {
  const waiting = [...onChange];
  onChange.clear();
  for (const tell of waiting) tell();
}

/** null: no answer this time. */
async function askInit(
  context: EngineContext,
  container: LiveContainer,
  watch: BootWatch,
  signal: AbortSignal,
): Promise<BootState | 'cannot be asked' | null> {
  // What is frozen cannot answer.
  if (container.record.state.status !== 'running') return null;
  const question = await (watch.question ??= questionFor(context, container));
  if (question === null) return 'cannot be asked';
  const patient = question.isPatient && container.boot?.state === 'starting';
  const argv = patient ? question.argv : question.argv.filter((word) => word !== '--wait');
  const check = { test: ['CMD', ...argv], timeoutNs: patient ? patientTimeoutNs : timeoutNs };
  const { exitCode, output } = await probe(context, container, check, { quiet: true, signal });
  return exitCode === commandNotFound ? 'cannot be asked' : question.read(output);
}

/** By what the image says of its init, else by what runs. Looked at once. */
async function questionFor(context: EngineContext, container: LiveContainer): Promise<ReadinessProbe | null> {
  const told = container.record.labels['orlop.init'];
  if (told !== undefined) return readinessProbe(told as InitSystem);
  try {
    return readinessProbe(await withRunningRoot(context, container, (verbs) => verbs.detectInit()));
  } catch (error) {
    // It does not answer, or has ended meanwhile.
    const isNoNews = isErrno(error, 'ENOENT', 'ESRCH', 'EACCES') || nobodyThere.some((kind) => isOrlopError(error, kind));
    if (isNoNews) return null;
    throw error;
  }
}
