import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { encodePlan, opTable, type ArgumentKind, type OpShape, type Plan } from '#sys';
import { buildProgram } from './build.ts';
import { anyPlan, planSlots as slots } from './fuzz/any-plan.ts';

// The C decoder, built with address and undefined-behaviour sanitizers, against the TypeScript encoder and against damaged plans.

let directory = '';
let driver = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'orlop-plan-'));
  driver = join(directory, 'plan-driver');
  const source = (name: string): string => join(import.meta.dirname, 'bosun', name);
  buildProgram({ output: driver, sanitize: true, sources: ['test/plan_driver.c', 'plan.c', 'text.c'].map(source) });
});

after(() => rmSync(directory, { recursive: true, force: true }));

test('every plan that is encoded is decoded to the same values', () => {
  const plans = fc.sample(anyPlan(), { numRuns: 300, seed: 20261121 });
  const lines = runDriver(
    plans.map((plan) => encodePlan(plan, slots)),
    'walk',
  );
  assert.deepEqual(
    lines,
    plans.map((plan) => `0 ${hashPlan(plan)}`),
  );
});

test('a slot that does not travel with the plan is refused by the decoder as well', () => {
  const plan = encodePlan([{ op: 'keep_log', file: 4 }], slots);
  assert.deepEqual(runDriver([plan], 'walk', 4), ['-22 0000000000000000']);
});

test('damaged plans are refused or decoded, but never read beyond their end', () => {
  const plans = fc.sample(anyPlan(), { numRuns: 40, seed: 7 }).map((plan) => encodePlan(plan, slots));
  const [line] = runDriver(plans, 'fuzz', slots, ['1121', '200000']);
  assert.match(line ?? '', /^\d+ [0-9a-f]{16}$/);
});

function runDriver(plans: readonly Uint8Array[], mode: string, slotCount = slots, rest: readonly string[] = []): string[] {
  const input = Buffer.concat(plans.flatMap((plan) => [words(plan.length, slotCount), plan]));
  const run = spawnSync(driver, [mode, ...rest], { input, encoding: 'utf8', timeout: 60_000, maxBuffer: 16 * 1024 * 1024 });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout.trimEnd().split('\n');
}

function words(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, index) => bytes.writeUInt32LE(number, index * 4));
  return bytes;
}

/** FNV-1a over what the accessors of plan.h give, as test/plan_driver.c computes it. */
function hashPlan(plan: Plan): string {
  let hash = 0xcbf29ce484222325n;
  const add = (bytes: Uint8Array): void => {
    for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  };
  const addNumber = (value: number | bigint): void => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
    add(bytes);
  };
  const addText = (value: string): void => add(Buffer.from(`${value}\0`));
  for (const op of plan) {
    addNumber(opTable[op.op].code);
    for (const [name, kind] of Object.entries<ArgumentKind>((opTable[op.op] as OpShape).args)) {
      const value = (op as unknown as Record<string, unknown>)[name];
      if (kind === 'string') addText(value as string);
      else if (kind === 'bytes') {
        addNumber((value as Uint8Array).length);
        add(value as Uint8Array);
      } else if (kind === 'strings') {
        addNumber((value as string[]).length);
        (value as string[]).forEach(addText);
      } else addNumber(value as number | bigint);
    }
  }
  return hash.toString(16).padStart(16, '0');
}
