import { spawn, spawnSync } from 'node:child_process';
import type { Series } from './samples.ts';

export interface Contender {
  readonly who: string;
  /** The whole command line. */
  readonly command: readonly string[];
}

const ms = (since: number): number => performance.now() - since;

/** Wall time of one whole command in ms, process start included. Throws with the command's own words when it fails. */
export function timeCommand(command: readonly string[]): number {
  const [file = '', ...args] = command;
  const started = performance.now();
  const { status, stderr, error } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const spent = ms(started);
  if (status !== 0) throw new Error(`${command.join(' ')}: ${error?.message ?? stderr.toString().trim()}`);
  return spent;
}

/**
 * Takes turns, one round after the other, so that whatever the machine does meanwhile hits all alike. The first round warms up and does
 * not count; a peer that fails in it is said and left out.
 */
export function compare(contenders: readonly Contender[], rounds: number): Series[] {
  const able = contenders.filter((contender, index) => index === 0 || works(contender));
  const values = able.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { command }] of able.entries()) {
      const spent = timeCommand(command);
      if (round > 0) values[index]?.push(spent);
    }
  }
  return able.map(({ who }, index) => ({ who, values: values[index] ?? [] }));
}

function works({ who, command }: Contender): boolean {
  try {
    timeCommand(command);
    return true;
  } catch (error) {
    process.stdout.write(`${who} left out: ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

/** How many of these commands per second, `total` of them, `atOnce` at a time. */
export async function throughput(command: readonly string[], total: number, atOnce: number): Promise<number> {
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun++ < total) await finish(command);
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: atOnce }, lane));
  return total / (ms(started) / 1000);
}

/** Runs a command to its end; rejects unless it ended well. */
export async function finish(command: readonly string[]): Promise<void> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: 'ignore' });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
}
