import { OrlopError } from '#errors';
import type { BootView } from '#wire';
import { isActive } from '../container/record.ts';
import { requireRunning } from '../container/stop.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { readContainerLog } from '../logs/container-log.ts';
import { bootViewOf } from './boot.ts';

const linesShown = 10;
const longestLine = 160;

export interface BootWait {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Contract: `Engine.containers.awaitBoot`. A machine that reboots meanwhile is waited for. */
export async function awaitBoot(context: EngineContext, ref: string, { timeoutMs, signal }: BootWait): Promise<BootView | null> {
  const container = context.table.find(ref);
  if (!comesOn(container) && container.record.state.startedAtNs === 0n) requireRunning(container, ref);
  const late = AbortSignal.timeout(timeoutMs);
  const over = AbortSignal.any([late, signal]);
  while (comesOn(container)) {
    const boot = bootViewOf(container);
    if (boot === 'running' || boot === 'degraded') return boot;
    if (boot === null && container.record.state.status === 'running') return null;
    await nextChange(container, over);
    if (signal.aborted) throw new OrlopError('cancelled', 'ENGINE_CANCELLED', 'nobody waits any more');
    if (late.aborted) throw await notUp(container, timeoutMs);
  }
  throw await ended(container);
}

/** It runs, or has a start before it that nobody needs to ask for. */
function comesOn({ record }: LiveContainer): boolean {
  const { status, comesBack } = record.state;
  return isActive(status) || status === 'restarting' || comesBack === true;
}

/** Looks again after a while as well: a start that is on its way tells nobody here. */
const lookAgainMs = 250;

async function nextChange(container: LiveContainer, over: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, lookAgainMs);
  over.addEventListener('abort', () => resolve(), { once: true });
  container.onExit.add(resolve);
  container.boot?.onChange.add(resolve);
  try {
    if (!over.aborted) await promise;
  } finally {
    clearTimeout(timer);
    container.onExit.delete(resolve);
    container.boot?.onChange.delete(resolve);
  }
}

async function notUp(container: LiveContainer, timeoutMs: number): Promise<OrlopError> {
  const { name } = container.record;
  const state = bootViewOf(container) ?? container.record.state.status;
  return new OrlopError(
    'deadline-exceeded',
    'ENGINE_NOT_BOOTED',
    `machine ${name} was not up within ${timeoutMs / 1000} s: it is ${state}`,
    {
      hint: `${await lastLines(container)}it goes on: look at it with orlop console ${name}, wait on with orlop start --wait ${name}`,
    },
  );
}

async function ended(container: LiveContainer): Promise<OrlopError> {
  const { name, state } = container.record;
  const words = `machine ${name} ended with ${state.exitCode} before it was up${state.error === '' ? '' : `: ${state.error}`}`;
  return new OrlopError('failed-precondition', 'ENGINE_BOOT_ENDED', words, {
    hint: `${await lastLines(container)}all of it: orlop console --show-log ${name}`,
  });
}

/** The end of what its console says, for people: no control sequences, nothing endless. Empty when it keeps no log. */
async function lastLines(container: LiveContainer): Promise<string> {
  const { startedAtNs } = container.record.state;
  const request = { follow: false, stdout: true, stderr: true, tail: linesShown, sinceNs: startedAtNs };
  let text = '';
  try {
    for await (const { data } of readContainerLog(container, request, AbortSignal.timeout(2000))) text += data.toString('utf8');
  } catch {
    // What cannot be read is not worth another error than the one that this is about.
  }
  const lines = plainLines(text).slice(-linesShown);
  return lines.length === 0 ? 'its console has said nothing; ' : `its console says\n${lines.map((line) => `  | ${line}\n`).join('')}`;
}

/** Text of a terminal without what drives one (ECMA-48), empty lines left out. Pure. */
export function plainLines(text: string): string[] {
  return text
    .replaceAll(/\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[ -/]*[0-~])/g, '')
    .split(/\r?\n|\r/)
    .map((line) =>
      line
        .replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, '')
        .trimEnd()
        .slice(0, longestLine),
    )
    .filter((line) => line !== '');
}
