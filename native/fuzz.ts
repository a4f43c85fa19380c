import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { encodePlan } from '#sys';
import { buildProgram } from './build.ts';
import { anyPlan, planSlots } from './fuzz/any-plan.ts';

// Long run: node native/fuzz.ts [seconds a target, default 60] [seed]

export const fuzzTargets = ['plan', 'log', 'frames'] as const;
export type FuzzTarget = (typeof fuzzTargets)[number];

export interface FuzzRun {
  readonly target: FuzzTarget;
  readonly seed: number;
  readonly rounds: number;
  /** 0: as long as the rounds take. */
  readonly seconds: number;
}

export interface FuzzOutcome {
  readonly status: number | null;
  readonly rounds: number;
  /** Inputs that reached code that earlier ones did not. */
  readonly kept: number;
  readonly edges: number;
  /** What a sanitizer or a broken promise said, with the input; empty when all is well. */
  readonly found: string;
}

/** bosun's parsers with sanitizers and coverage, and what feeds them (fuzz/harness.c). */
export function buildHarness(output: string): void {
  const source = (name: string): string => join(import.meta.dirname, 'bosun', `${name}.c`);
  const sources = ['plan', 'log', 'log_files', 'log_ring', 'json', 'frame', 'passing', 'report', 'text', 'os'].map(source);
  buildProgram({
    output,
    sanitize: true,
    sources: [join(import.meta.dirname, 'fuzz', 'harness.c'), ...sources],
    flags: ['-fsanitize-coverage=trace-pc'],
  });
}

export function runHarness(harness: string, { target, seed, rounds, seconds }: FuzzRun): FuzzOutcome {
  const run = spawnSync(harness, [target, String(seed), String(rounds), String(seconds)], {
    input: Buffer.concat(firstInputs(target, seed).flatMap((bytes) => [sizeOf(bytes), bytes])),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const [done = 0, kept = 0, edges = 0] = run.stdout.trim().split(' ').map(Number);
  return { status: run.status, rounds: done, kept, edges, found: run.stderr };
}

function sizeOf(bytes: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  return size;
}

/** Sound inputs, which damage starts from. */
function firstInputs(target: FuzzTarget, seed: number): Uint8Array[] {
  if (target === 'plan') return fc.sample(anyPlan(), { numRuns: 100, seed }).map((plan) => encodePlan(plan, planSlots));
  if (target === 'log')
    return ['', 'a line\n', 'naïve – 𝄞\n\u2028<&>"\\\t', 'x'.repeat(20_000), `${'y'.repeat(16_383)}é\nz`].map((text) => Buffer.from(text));
  return [frame(4, 24), frame(5, 9), frame(3), Buffer.concat([frame(6), frame(5, 15), frame(4, 80)])];
}

/** A frame of the control stream: length of what follows, type, payload (native/README.md). */
function frame(type: number, ...payload: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + payload.length * 4);
  [4 + payload.length * 4, type, ...payload].forEach((number, index) => bytes.writeUInt32LE(number, index * 4));
  return bytes;
}

function main(): void {
  const [seconds = '60', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
  const directory = mkdtempSync(join(tmpdir(), 'orlop-fuzz-'));
  try {
    const harness = join(directory, 'harness');
    buildHarness(harness);
    for (const target of fuzzTargets) {
      const { status, rounds, kept, edges, found } = runHarness(harness, {
        target,
        seed: Number(seed),
        rounds: 1e12,
        seconds: Number(seconds),
      });
      console.log(`${target}: seed ${seed}, ${rounds} rounds, ${kept} inputs kept, ${edges} edges${status === 0 ? '' : `\n${found}`}`);
      if (status !== 0) process.exitCode = 1;
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) main();
