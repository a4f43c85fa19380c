import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs a program that prints to our own terminal; killed after the time, by its pid. Fails with an Error naming it unless it ends with 0. */
export async function run(file: string, argv: readonly string[], timeoutMs: number): Promise<void> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  const child = spawn(file, argv, { stdio: ['ignore', 'inherit', 'inherit'], env });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${file} ended with ${signal ?? code}`);
}
