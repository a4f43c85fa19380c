import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './harness.ts';

/** Ends an engine just before one of its steps (see kill-points.c). */
export interface KillPoints extends Disposable {
  /** For the engine. */
  readonly env: Readonly<Record<string, string>>;
  /** The engine dies before its step `number`, from 1; 0: never. */
  arm(number: number): void;
  /** How many steps there have been since it was armed; all of them, when it was armed with more. */
  taken(): number;
}

/** Needs a C compiler. */
export async function openKillPoints(): Promise<KillPoints> {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-kill-points-'));
  const counter = join(directory, 'counter');
  const library = join(directory, 'kill-points.so');
  const source = join(import.meta.dirname, 'kill-points.c');
  const { code, stderr } = await runCommand('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, source]);
  if (code !== 0) throw new Error(stderr);
  const bytes = Buffer.alloc(8);
  let armed = 0;
  const arm = (number: number): void => {
    armed = number;
    bytes.writeBigInt64LE(BigInt(number));
    // In place: the engine has the file mapped.
    writeFileSync(counter, bytes, { flag: 'r+' });
  };
  writeFileSync(counter, bytes);
  return {
    env: { LD_PRELOAD: library, ORLOP_KILL_POINTS: counter },
    arm,
    taken: () => armed - Number(readFileSync(counter).readBigInt64LE()),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
