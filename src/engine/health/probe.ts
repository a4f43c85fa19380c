import { setTimeout as delay } from 'node:timers/promises';
import { toOrlopError } from '#errors';
import { createFrameDecoder, formatDuration, type HealthResult } from '#wire';
import type { LiveContainer } from '../container/table.ts';
import { nowNs, type EngineContext } from '../context.ts';
import { exitCodeOfFailure } from '../exec/exit-code.ts';
import { runExec } from '../exec/sessions.ts';
import { commandOf, type WholeCheck } from './rules.ts';

const outputKept = 4096;
/** How long the stream may stay open after the process. */
const lastWordsMs = 1_000;

/** Runs the check in the container, once; killed when it takes too long. `quiet`: no event tells of it; `signal`: kills it as well. Never rejects: what cannot be run is no good answer. */
export async function probe(
  context: EngineContext,
  container: LiveContainer,
  check: Pick<WholeCheck, 'test' | 'timeoutNs'>,
  how: { readonly quiet?: boolean; readonly signal?: AbortSignal } = {},
): Promise<HealthResult> {
  const startNs = nowNs();
  const result = (exitCode: number, output: string): HealthResult => ({ startNs, endNs: nowNs(), exitCode, output });
  const over = new AbortController();
  using undo = new DisposableStack();
  undo.defer(() => over.abort());
  try {
    const { stream, ended, kill } = await runExec(
      context,
      container,
      {
        command: commandOf(check),
        terminal: false,
        attachStdin: false,
        attachStdout: true,
        attachStderr: true,
      },
      how,
    );
    undo.defer(() => stream.destroy());
    how.signal?.addEventListener('abort', kill, { signal: over.signal });
    if (how.signal?.aborted === true) kill();
    let output = '';
    const decoder = createFrameDecoder();
    stream.on('data', (chunk: Buffer) => {
      for (const { data } of decoder.push(chunk)) if (output.length < outputKept) output = (output + data.toString()).slice(0, outputKept);
    });
    // Its end says all.
    stream.on('error', () => undefined);
    // The other half of the stream is ours: it ends, and closes only when we let go of it.
    const finished = new Promise<void>((resolve) => void stream.once('end', resolve).once('close', resolve));
    const late = delay(check.timeoutNs / 1e6, 'late' as const, { signal: over.signal, ref: false }).catch(() => 'over' as const);
    const outcome = await Promise.race([ended, late]);
    if (outcome === 'late') kill();
    await ended;
    // What it said may still be on its way; what it left behind may hold the stream open.
    await Promise.race([finished, delay(lastWordsMs, undefined, { signal: over.signal, ref: false })]);
    if (typeof outcome === 'number') return result(outcome, output);
    return result(
      -1,
      `Health check exceeded timeout (${formatDuration(BigInt(Math.round(check.timeoutNs)))})${output === '' ? '' : `: ${output}`}`,
    );
  } catch (error) {
    return result(exitCodeOfFailure(error), toOrlopError(error).message);
  }
}
