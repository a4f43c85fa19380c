import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs a program that prints to our own terminal; killed after the time, by its pid, and with us. Fails with an Error naming it unless it ends with 0. */
export async function run(file: string, argv: readonly string[], timeoutMs: number): Promise<void> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn(file, argv, { stdio: ['ignore', 'inherit', 'inherit'], env });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    // mmdebstrap takes its mounts away when it is asked to end.
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
  }, timeoutMs);
  using _ending = endWithUs(() => child.kill('SIGTERM'));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  if (late) throw new Error(`${file} was ended: it took more than ${Math.round(timeoutMs / 1000)} s`);
  if (code !== 0) throw new Error(`${file} ended with ${signal ?? code}`);
}

/** Calls `end` when somebody ends us, who then wait for what it brings to its end no longer than that takes. */
export function endWithUs(end: () => void): Disposable {
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  const listener = (): void => {
    process.exitCode = 1;
    end();
  };
  for (const signal of signals) process.on(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const signal of signals) process.removeListener(signal, listener);
    },
  };
}
