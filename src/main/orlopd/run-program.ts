import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { isErrno } from '#errors';
import type { RunProgram } from '#image';

/** Programs that make images, run as our children, each in a process group of its own: an abort ends all that it started. */
export const runProgram: RunProgram = async (file, args, options = {}) => {
  const { env, signal, onLine } = options;
  signal?.throwIfAborted();
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, detached: true });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  if (onLine === undefined) child.stderr.resume();
  else createInterface({ input: child.stderr }).on('line', onLine);
  const stop = (): void => endGroup(child.pid);
  signal?.addEventListener('abort', stop);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    signal?.throwIfAborted();
    return { code, stdout: Buffer.concat(output).toString() };
  } finally {
    signal?.removeEventListener('abort', stop);
  }
};

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGTERM');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
