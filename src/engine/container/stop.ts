import { OrlopError } from '#errors';
import { openCgroup } from '#runtime';
import { passState, publishContainerEvent, saveState, type EngineContext } from '../context.ts';
import { endingSignal, isActive } from './record.ts';
import { closeInlet } from '../on-demand/door.ts';
import { abortOwnFuse } from './own-fuse.ts';
import { giveUpRestart } from './restart.ts';
import { parseSignal } from '#sys';
import type { StopRequest } from '#wire';
import type { LiveContainer } from './table.ts';

const defaultStopTimeoutS = { app: 10, system: 60 } as const;
const sigkill = 9;
/** As long as Docker's engine waits for the end of what it has killed. */
const killPatienceMs = 10_000;
/** For who goes on with what has ended: on a host where a thousand end at once each takes its time. */
const endPatienceMs = 60_000;
/** What is killed ends in much less, unless it waits for a file system that does not answer. */
const fusePatienceMs = 2_000;

/** Asks the process to end; kills it when it has not within the timeout. `comesBack`: it is started next. false: it was not running. */
export async function stopContainer(
  context: EngineContext,
  ref: string,
  options: StopRequest & { readonly comesBack?: boolean },
): Promise<boolean> {
  const container = context.table.find(ref);
  if (container.record.state.status === 'restarting' && (await giveUpRestartInTurn(context, container))) return true;
  const { record } = container;
  if (!isActive(record.state.status)) return false;
  const signal = parseSignal(options.signal ?? endingSignal(record.process));
  const timeoutS = options.timeoutS ?? record.request.stopTimeoutS ?? defaultStopTimeoutS[record.kind];
  willEnd(context, container, options.comesBack === true);
  if (record.state.status === 'paused') await unpauseContainer(context, ref);
  await closeInlet(context, container);
  const ended = nextExit(container);
  // It may have ended by itself meanwhile.
  if (!isActive(container.record.state.status)) return true;
  sendSignal(context, container, signal);
  publishContainerEvent(context, container, 'kill', { signal: String(signal) });
  if (timeoutS < 0) await ended;
  else if (!(await endsWithin(ended, timeoutS * 1000))) {
    options.onKilled?.(timeoutS);
    await endNow(context, container);
  }
  publishContainerEvent(context, container, 'stop');
  return true;
}

/** Somebody wants it to end: written down first, so that no engine starts it again for its policy's sake. */
function willEnd(context: EngineContext, container: LiveContainer, comesBack: boolean): void {
  container.stopping = true;
  const save = comesBack ? saveState : passState;
  save(context, container, { stopped: true, comesBack });
}

/** After a start by policy that is under way, which makes it one that runs: then false. */
function giveUpRestartInTurn(context: EngineContext, container: LiveContainer): Promise<boolean> {
  return context.queues.run(container.record.id, async () => giveUpRestart(context, container));
}

/**
 * Sends a signal to the first process; KILL ends everything in the container and is over when that is seen, as Docker's clients expect who look at the container or remove it next.
 * Fails with `unavailable` when the end does not come within 10 s.
 */
export async function killContainer(context: EngineContext, ref: string, signalText: string): Promise<void> {
  const container = context.table.find(ref);
  const signal = parseSignal(signalText);
  requireRunning(container, ref);
  // Who asks a process to end does not want it back.
  if (signal === sigkill || signal === parseSignal(endingSignal(container.record.process))) willEnd(context, container, false);
  const frozen = container.record.state.status === 'paused';
  const ended = signal === sigkill ? nextExit(container) : null;
  sendSignal(context, container, signal);
  publishContainerEvent(context, container, 'kill', { signal: String(signal) });
  if (ended === null) return;
  if (frozen) await cgroupOf(context, container).thaw();
  await seeEnd(context, container, ended, killPatienceMs);
}

/** Of a container that has been killed. */
async function seeEnd(context: EngineContext, container: LiveContainer, ended: Promise<void>, patienceMs: number): Promise<void> {
  if (await endsWithin(ended, fusePatienceMs)) return;
  abortOwnFuse(context, container);
  if (await endsWithin(ended, patienceMs - fusePatienceMs)) return;
  throw new OrlopError('unavailable', 'ENGINE_KILL_UNSEEN', `tried to kill container, but did not receive an exit event`, {
    hint: 'a process of it waits for a disk or a device; it ends when that answers',
  });
}

/** Kills and waits until the end is settled. Fails with `unavailable` when it does not come within a minute; it may come later. */
export async function endNow(context: EngineContext, container: LiveContainer): Promise<void> {
  if (!isActive(container.record.state.status)) return;
  container.stopping = true;
  const ended = nextExit(container);
  sendSignal(context, container, sigkill);
  if (container.record.state.status === 'paused') await cgroupOf(context, container).thaw();
  await seeEnd(context, container, ended, endPatienceMs);
}

/** `forWork`: not because somebody wants it, but while the engine reads what must not change. */
export async function pauseContainer(context: EngineContext, ref: string, { forWork = false } = {}): Promise<void> {
  const container = context.table.find(ref);
  await context.queues.run(container.record.id, async () => {
    requireRunning(container, ref);
    if (container.record.state.status === 'paused') {
      throw new OrlopError('conflict', 'ENGINE_CONTAINER_PAUSED', `Container ${ref} is already paused`);
    }
    // Written down first: a pause for work that nobody knows of would have no end.
    if ((container.record.state.pausedForWork ?? false) !== forWork) saveState(context, container, { pausedForWork: forWork });
    await cgroupOf(context, container).freeze();
    saveState(context, container, { status: 'paused' });
    publishContainerEvent(context, container, 'pause');
  });
}

export async function unpauseContainer(context: EngineContext, ref: string): Promise<void> {
  const container = context.table.find(ref);
  await context.queues.run(container.record.id, async () => {
    if (container.record.state.status !== 'paused') {
      throw new OrlopError('conflict', 'ENGINE_CONTAINER_NOT_PAUSED', `Container ${ref} is not paused`);
    }
    await cgroupOf(context, container).thaw();
    saveState(context, container, { status: 'running', pausedForWork: false });
    publishContainerEvent(context, container, 'unpause');
  });
}

/** `ref` is how the client calls the container. */
export function requireRunning(container: LiveContainer, ref: string): void {
  if (isActive(container.record.state.status)) return;
  throw new OrlopError('conflict', 'ENGINE_CONTAINER_NOT_RUNNING', `container ${ref} is not running`, {
    hint: `start it with: orlop start ${container.record.name}`,
  });
}

function cgroupOf(context: EngineContext, container: LiveContainer) {
  const { run, name } = container.record;
  if (run === null) throw new OrlopError('internal', 'ENGINE_NO_CGROUP', `container ${name} runs without a cgroup`);
  return openCgroup(context.cgroups, run.cgroup);
}

function sendSignal(context: EngineContext, container: LiveContainer, signal: number): void {
  const { connection } = container;
  if (connection !== null) {
    connection.signal(signal);
    return;
  }
  throw new OrlopError('unavailable', 'ENGINE_MONITOR_GONE', `the monitor of container ${container.record.name} cannot be reached`, {
    hint: `see ${context.dataRoot}/containers/${container.record.id}/monitor`,
  });
}

function nextExit(container: LiveContainer): Promise<void> {
  return new Promise((resolve) => container.onExit.add(resolve));
}

async function endsWithin(ended: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([ended.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Brings what the kernel does with a container that an earlier engine left running in line with its record: that engine may have died between the two. */
export async function resumePause(context: EngineContext, container: LiveContainer): Promise<void> {
  const { status, pausedForWork } = container.record.state;
  const staysPaused = status === 'paused' && pausedForWork !== true;
  try {
    if (staysPaused) await cgroupOf(context, container).freeze();
    else await cgroupOf(context, container).thaw();
  } catch (error) {
    // It has ended meanwhile, or this host has nothing to pause with, and then nothing is paused.
    context.logger.debug('whether a container is paused was left as it was', { container: container.record.name, error });
    return;
  }
  if (status === 'paused' && !staysPaused && isActive(container.record.state.status))
    saveState(context, container, { status: 'running', pausedForWork: false });
}
