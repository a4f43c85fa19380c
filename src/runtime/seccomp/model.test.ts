import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type LinuxSeccomp, type LinuxSyscall, type SeccompAction, type SeccompArg, seccompOperators } from '#oci';
import { verdictOf } from './actions.ts';
import { maxInstructions } from './bpf.ts';
import { compileSeccomp } from './compile.ts';
import { interpretFilter } from './interpret.ts';
import { syscallTable } from './syscalls/table.ts';

const audit = { x64: 0xc000_003e, arm64: 0xc000_00b7, arm: 0x4000_0028 };
const values = [0n, 1n, 40n, 0x7e02_0000n, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0028n, 0xffff_ffff_0000_0000n, 0xffff_ffff_ffff_ffffn];
const value = fc.oneof(fc.constantFrom(...values), fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }));

/** The meaning of a profile in so many words: what the compiler must preserve. */
function model(profile: LinuxSeccomp, name: string, args: readonly bigint[]): number {
  const otherwise = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const rules = (profile.syscalls ?? []).filter((rule) => rule.names.includes(name) && verdictOf(rule.action, rule.errnoRet) !== otherwise);
  const always = rules.find((rule) => (rule.args ?? []).length === 0);
  const chosen = always ?? rules.find((rule) => holdsFor(rule.args ?? [], args));
  return chosen === undefined ? otherwise : verdictOf(chosen.action, chosen.errnoRet);
}

function holdsFor(conditions: readonly SeccompArg[], args: readonly bigint[]): boolean {
  const repeats = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  const test = (condition: SeccompArg): boolean => compares(condition, args[condition.index] ?? 0n);
  return repeats ? conditions.some(test) : conditions.every(test);
}

function compares({ op, value: first, valueTwo }: SeccompArg, actual: bigint): boolean {
  const wanted = BigInt(first);
  switch (op) {
    case 'SCMP_CMP_NE':
      return actual !== wanted;
    case 'SCMP_CMP_LT':
      return actual < wanted;
    case 'SCMP_CMP_LE':
      return actual <= wanted;
    case 'SCMP_CMP_EQ':
      return actual === wanted;
    case 'SCMP_CMP_GE':
      return actual >= wanted;
    case 'SCMP_CMP_GT':
      return actual > wanted;
    case 'SCMP_CMP_MASKED_EQ':
      return (actual & wanted) === BigInt(valueTwo ?? 0);
  }
}

const names = ['read', 'write', 'clone', 'personality', 'ioctl', 'prctl'];
const arg = fc.record({ index: fc.nat(5), op: fc.constantFrom(...seccompOperators), value, valueTwo: value });
const action = fc.constantFrom<SeccompAction>(
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_KILL',
  'SCMP_ACT_LOG',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_TRACE',
);
const rule: fc.Arbitrary<LinuxSyscall> = fc.record({
  names: fc.subarray(names, { minLength: 1 }),
  action,
  args: fc.array(arg, { maxLength: 4 }),
});
const profile: fc.Arbitrary<LinuxSeccomp> = fc.record({ defaultAction: action, syscalls: fc.array(rule, { maxLength: 8 }) });

describe('compiled rules', () => {
  for (const arch of ['x64', 'arm64'] as const) {
    it(`mean what the profile says for any values, on ${arch}`, () => {
      const table = syscallTable(arch === 'x64' ? 'x86_64' : 'aarch64');
      const calls = fc.array(fc.tuple(fc.constantFrom(...names), fc.array(value, { minLength: 6, maxLength: 6 })), {
        minLength: 20,
        maxLength: 20,
      });
      fc.assert(
        fc.property(profile, calls, (given, tried) => {
          const { filter } = compileSeccomp(given, { arch, answerNewer: false });
          for (const [name, args] of tried) {
            const verdict = interpretFilter(filter, { arch: audit[arch], nr: table.get(name) ?? 0, args });
            assert.equal(verdict, model(given, name, args), `${name}(${args.join(', ')})`);
          }
        }),
        { numRuns: 300 },
      );
    });
  }

  it('reach their targets over more than 255 instructions, with a decision of its own for every call', () => {
    const table = syscallTable('x86_64');
    const syscalls = [...table].map(
      ([name, nr]): LinuxSyscall => ({
        names: [name],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: nr + 1,
        args: [{ index: nr % 6, op: 'SCMP_CMP_EQ', value: BigInt(nr) << 32n }],
      }),
    );
    const { filter } = compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }, { arch: 'x64' });
    assert.ok(filter.length / 8 > 1500 && filter.length / 8 <= maxInstructions);
    for (const nr of table.values()) {
      const args = Array.from({ length: 6 }, (_, index) => (index === nr % 6 ? BigInt(nr) << 32n : 7n));
      assert.equal(interpretFilter(filter, { arch: audit.x64, nr, args }), 0x0005_0000 | (nr + 1));
      assert.equal(interpretFilter(filter, { arch: audit.x64, nr, args: args.map((word) => word + 1n) }), 0x7fff_0000);
    }
  });

  it('compare only the low word for a 32-bit interface', () => {
    const syscalls: LinuxSyscall[] = [
      { names: ['personality'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 0xffff_ffff_ffff_ffffn }] },
    ];
    const given: LinuxSeccomp = { defaultAction: 'SCMP_ACT_KILL_PROCESS', architectures: ['SCMP_ARCH_ARM'], syscalls };
    const { filter } = compileSeccomp(given, { arch: 'arm64' });
    const nr = syscallTable('arm').get('personality') ?? 0;
    assert.equal(interpretFilter(filter, { arch: audit.arm, nr, args: [0xffff_ffffn] }), 0x7fff_0000);
    assert.equal(interpretFilter(filter, { arch: audit.arm, nr, args: [0xffff_fffen] }), 0x8000_0000);
  });
});
