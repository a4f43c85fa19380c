import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { decodePlan } from './decode.ts';
import { encodePlan, maximumOps, maximumSlots } from './encode.ts';
import { formatOpsHeader } from './header.ts';
import { noSlot, opTable, type Op, type OpShape, type Plan } from './table.ts';

const stdio: Op = { op: 'stdio', mode: 3, open_stdin: 1, stdin_once: 0, uid: 100_000, gid: 7, stdin: 0, stdout: 1, stderr: noSlot };
const execute: Op = { op: 'execute', argv: ['sh', '-c', 'echo "é𝄞"', ''], env: [], keep: 0 };

function assertRefused(plan: Plan, slots: number, pattern: RegExp): void {
  assert.throws(
    () => encodePlan(plan, slots),
    (error) => isOrlopError(error, 'invalid-argument') && error.code === 'SYS_PLAN_INVALID' && pattern.test(error.message),
  );
}

test('a plan comes back from its encoding as it was', () => {
  const plan: Plan = [
    stdio,
    { op: 'become', uid: 0, gid: 0xffff_ffff },
    { op: 'set_oom_score', value: -1000n, required: 1 },
    { op: 'set_rlimit', resource: 7, soft: 2n ** 64n - 1n, hard: 0n },
    { op: 'mount', fstype: 'tmpfs', source: '', options: ['size=1', ''], attributes: 14n, target: '/tmp', make: 1 },
    { op: 'load_seccomp', filter: new Uint8Array([0, 255, 1]), flags: 0, listener: noSlot, state: new Uint8Array(0) },
    execute,
  ];
  assert.deepEqual(decodePlan(encodePlan(plan, 2)), plan);
});

test('numbers that a double holds exactly may be given as number or as bigint', () => {
  const asNumber = encodePlan([{ op: 'set_root_propagation', flags: 540_672 }]);
  assert.deepEqual(asNumber, encodePlan([{ op: 'set_root_propagation', flags: 540_672n }]));
});

test('what cannot be encoded is refused by name of op and argument', () => {
  assertRefused([{ op: 'set_hostname', name: 'a\0b' }], 0, /^set_hostname\.name \(op 0\) holds a NUL/);
  assertRefused([execute, { ...execute, argv: ['a', 'b\0'] }], 0, /^execute\.argv \(op 1\)\[1\] holds a NUL/);
  assertRefused([stdio], 1, /^stdio\.stdout \(op 0\) is slot 1 of 1$/);
  assertRefused([{ op: 'set_umask', mask: -1 }], 0, /^set_umask\.mask/);
  assertRefused([{ op: 'set_umask', mask: 2 ** 32 }], 0, /^set_umask\.mask/);
  assertRefused([{ op: 'unshare', flags: 2 ** 53 }], 0, /^unshare\.flags/);
  assertRefused([{ op: 'unshare', flags: -1n }], 0, /^unshare\.flags/);
  assertRefused([{ op: 'set_hostname' } as unknown as Op], 0, /^set_hostname\.name \(op 0\) is not a text$/);
  assertRefused([{ op: 'toString' } as unknown as Op], 0, /^op 0 is unknown: toString$/);
});

test('plans that are empty or too large are refused', () => {
  const session: Op = { op: 'new_session' };
  assertRefused([], 0, /holds 0 ops/);
  assertRefused(
    Array.from({ length: maximumOps + 1 }, () => session),
    0,
    /holds 32769 ops/,
  );
  assertRefused([session], maximumSlots + 1, /descriptors/);
  assertRefused([{ op: 'set_hostname', name: 'x'.repeat(8 * 1024 * 1024) }], 0, /bytes, more than/);
});

test('no two ops share a code, and the performer of each fits its part of the plan', () => {
  const shapes = Object.values<OpShape>(opTable);
  assert.equal(new Set(shapes.map((shape) => shape.code)).size, shapes.length);
  for (const shape of shapes) assert.equal(shape.by, shape.code < 20 ? 'monitor' : 'stage');
});

test('the header that bosun is compiled with is the table’s', () => {
  const header = readFileSync(new URL('../../../native/bosun/ops.h', import.meta.url), 'utf8');
  assert.equal(header, formatOpsHeader(), 'run: node native/generate-ops.ts');
});

test('ARCHITECTURE.md names each op, and none that does not exist', () => {
  const text = readFileSync(new URL('../../../ARCHITECTURE.md', import.meta.url), 'utf8');
  const [, section = ''] = text.match(/^## From spec to ops\n(.*?)^## /ms) ?? [];
  const cells = section.split('\n').flatMap((line) => (line.startsWith('| ') ? [line.split('|')[2] ?? ''] : []));
  const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  assert.deepEqual(new Set(named), new Set(Object.keys(opTable)));
});
