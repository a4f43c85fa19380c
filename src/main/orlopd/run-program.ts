import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { RunProgram } from '#image';

/** Programs that make images, run as our children: aborting ends them with SIGTERM, so that they can clean up. */
export const runProgram: RunProgram = async (file, args, options = {}) => {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGTERM' as const }),
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  if (options.onLine === undefined) child.stderr.resume();
  else createInterface({ input: child.stderr }).on('line', options.onLine);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(output).toString() };
};
