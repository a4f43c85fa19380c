import type { Client } from '#client';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { write, type Io } from '../io.ts';

const usualTimeoutS = 60;

/** `--wait` and `--timeout`: how long to wait for machines, ms; null: not at all. */
export function readBootWait(args: Arguments): number | null {
  const timeoutS = args.integer('wait-timeout');
  if (timeoutS !== undefined && (timeoutS < 1 || timeoutS > 86_400)) throw usageError('--wait-timeout must be between 1 and 86400 seconds');
  if (timeoutS !== undefined && !args.flag('wait')) throw usageError('--wait-timeout goes with --wait');
  return args.flag('wait') ? (timeoutS ?? usualTimeoutS) * 1000 : null;
}

/** Waits until a machine is up, and says what is wrong with it then. Fails as `awaitBoot` does. */
export async function awaitMachine({ containers }: Client, io: Io, ref: string, timeoutMs: number): Promise<void> {
  const boot = await containers.awaitBoot(ref, { timeoutMs });
  if (boot === 'degraded') await write(io.stderr, `WARNING: ${ref} is up, and degraded: see orlop exec ${ref} systemctl --failed\n`);
}
