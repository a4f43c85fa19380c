import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type LinuxSeccomp, type LinuxSyscall, type SeccompAction, type SeccompArch, type SeccompArg, seccompOperators } from '#oci';
import { verdictOf } from './actions.ts';
import { compileSeccomp } from './compile.ts';
import { interpretFilter, type SeccompCall } from './interpret.ts';
import { multiplexers } from './multiplexed.ts';
import { defaultProfile } from './profiles/app.ts';
import { systemProfile } from './profiles/system.ts';
import { type Abi, syscallTable, x32Bit } from './syscalls/table.ts';

const why = reasonToSkip();
const audit: Readonly<Record<'x86_64' | 'x86' | 'x32', number>> = { x86_64: 0xc000_003e, x86: 0x4000_0003, x32: 0xc000_003e };
/** SCMP_ARCH_*: libseccomp tells x32 from x86_64 by a token without the 64-bit flag. */
const tokens: Partial<Record<SeccompArch, number>> = {
  SCMP_ARCH_X86_64: 0xc000_003e,
  SCMP_ARCH_X86: 0x4000_0003,
  SCMP_ARCH_X32: 0x4000_003e,
};
const numbers = (['x86_64', 'x86', 'x32'] as const).map((abi) => [abi, syscallTable(abi)] as const);
const host = { arch: 'x64', answerNewer: false };

describe('against libseccomp', { skip: why }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-seccomp-'));
  const oracle = join(directory, 'oracle');
  before(() => {
    execFileSync('cc', ['-O1', '-o', oracle, join(import.meta.dirname, 'oracle.c'), '-lseccomp']);
  });
  after(() => rmSync(directory, { recursive: true }));

  it('decides as libseccomp does for random profiles and calls', () => {
    fc.assert(
      fc.property(profiles(), fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), (profile, seeds) => {
        const theirs = runOracle(oracle, profile);
        const ours = compileSeccomp(profile, host).filter;
        for (const call of callsAbout(profile, seeds)) compare(theirs, ours, call);
      }),
      { numRuns: 200 },
    );
  });

  for (const [name, profile] of Object.entries({
    'the default profile': defaultProfile([], 'x64'),
    'the default profile with capabilities': defaultProfile(['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYSLOG'], 'x64'),
    'the profile of system containers': systemProfile('x64'),
  })) {
    it(`decides as libseccomp does for ${name}`, () => {
      const theirs = runOracle(oracle, profile);
      const ours = compileSeccomp(profile, host).filter;
      for (const arch of new Set(Object.values(audit))) {
        for (let nr = 0; nr < 600; nr += 1) {
          if (isNewerThanOracle(nr)) continue;
          for (const args of [[], [40n], [16n], [0x7e02_0000n], [0x11n, 1n], [0xffff_ffffn], [0x2_0008n], [0x1_0000_0028n]]) {
            compare(theirs, ours, { arch, nr, args });
            compare(theirs, ours, { arch, nr: nr | x32Bit, args });
          }
        }
      }
    });
  }
});

/** libseccomp 2.5.4 knows the calls of Linux 6.7; x32 has its own from 512 on. */
function isNewerThanOracle(nr: number): boolean {
  return nr === 335 || nr === 336 || (nr > 456 && nr < 512);
}

function reasonToSkip(): string | false {
  if (process.arch !== 'x64') return 'the oracle compares the interfaces of x86_64';
  if (!existsSync('/usr/include/seccomp.h')) return 'libseccomp-dev is not installed';
  return spawnSync('cc', ['--version']).status === 0 ? false : 'no C compiler';
}

function compare(theirs: Uint8Array, ours: Uint8Array, call: SeccompCall): void {
  const [expected, actual] = [interpretFilter(theirs, call), interpretFilter(ours, call)];
  if (expected === actual) return;
  assert.fail(`call ${describeCall(call)}: libseccomp 0x${expected.toString(16)}, ours 0x${actual.toString(16)}`);
}

function describeCall({ arch, nr, args }: SeccompCall): string {
  return `arch 0x${arch.toString(16)} nr ${nr} args ${args.map((value) => `0x${value.toString(16)}`).join(',')}`;
}

function runOracle(oracle: string, profile: LinuxSeccomp): Uint8Array {
  const otherwise = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const lines = [`default ${otherwise}`, ...(profile.architectures ?? []).map((name) => `arch ${tokens[name] ?? 0}`)];
  for (const { names, action, errnoRet, args = [] } of profile.syscalls ?? []) {
    const verdict = verdictOf(action, errnoRet);
    if (verdict === otherwise) continue;
    const fields = args.map(({ index, op, value, valueTwo }) => `${index} ${seccompOperators.indexOf(op) + 1} ${value} ${valueTwo ?? 0}`);
    for (const name of names) lines.push(`rule ${verdict} ${name} ${args.length} ${fields.join(' ')}`);
  }
  return execFileSync(oracle, { input: `${lines.join('\n')}\n`, maxBuffer: 1 << 20 });
}

const names =
  'read write open close clone clone3 personality prctl ioctl mmap keyctl kill execveat _llseek waitpid fcntl64 arch_prctl statx'.split(
    ' ',
  );
// Those that have a number of their own too: for a lone one without, libseccomp 2.5.4 forgets to load the number again after the arch.
const multiplexed = ['socket', 'bind', 'accept4', 'shmat', 'msgget'];
const values = [0n, 1n, 2n, 8n, 40n, 0x7e02_0000n, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0028n, 0xffff_ffff_ffff_ffffn];

/** What a rule says, and what a profile says of all other calls. */
type Verdict = Pick<LinuxSyscall, 'action' | 'errnoRet'>;

function profiles(): fc.Arbitrary<LinuxSeccomp> {
  const plainAction = fc.constantFrom<SeccompAction>(
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_KILL',
    'SCMP_ACT_KILL_THREAD',
    'SCMP_ACT_KILL_PROCESS',
    'SCMP_ACT_TRAP',
    'SCMP_ACT_LOG',
  );
  // libseccomp takes no errno beyond 4094, and any 16 bits for a tracer.
  const errnoRet = fc.option(fc.nat(4094), { nil: undefined });
  const told = fc.record({ action: fc.constantFrom<SeccompAction>('SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE'), errnoRet });
  const verdict: fc.Arbitrary<Verdict> = fc.oneof(
    plainAction.map((action) => ({ action })),
    told.map(withoutNothing),
  );
  // A supervisor is never asked about its own means of being asked.
  const asking = fc.constant<Verdict>({ action: 'SCMP_ACT_NOTIFY' });
  const architectures = fc.subarray<SeccompArch>(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  const arg = fc.record({
    index: fc.nat(5),
    op: fc.constantFrom(...seccompOperators),
    value: fc.constantFrom(...values),
    valueTwo: fc.constantFrom(...values),
  });
  const args = fc.uniqueArray(arg, { maxLength: 6, selector: ({ index }) => index });
  const conditional = fc
    .record({
      name: fc.constantFrom(...names),
      verdict: fc.oneof({ weight: 5, arbitrary: verdict }, { weight: 1, arbitrary: asking }),
      args,
    })
    .map((rule) => ({
      names: [rule.name],
      args: rule.args,
      ...(rule.name === 'write' ? { action: 'SCMP_ACT_TRAP' as const } : rule.verdict),
    }));
  // Conditions on multiplexed names are ours to decide: libseccomp compares words that mean something else behind the multiplexer.
  const plain = fc
    .record({ name: fc.constantFrom(...names, ...multiplexed), verdict })
    .map((rule): LinuxSyscall => ({ names: [rule.name], ...rule.verdict }));
  return fc
    .record({ otherwise: verdict, architectures, syscalls: fc.array<LinuxSyscall>(fc.oneof(conditional, plain), { maxLength: 25 }) })
    .map(({ otherwise: { action, errnoRet }, ...profile }) => ({
      ...profile,
      defaultAction: action,
      ...(errnoRet === undefined ? {} : { defaultErrnoRet: errnoRet }),
      listenerPath: '/listener',
      syscalls: oneRuleEach(profile.syscalls).filter(hasX32(profile.architectures)).map(literalMask),
    }));
}

function withoutNothing({ action, errnoRet }: { action: SeccompAction; errnoRet: number | undefined }): Verdict {
  return errnoRet === undefined ? { action } : { action, errnoRet };
}

/** One rule a name: how several combine is OCI's to say, and libseccomp 2.5.4 loses some that overlap. model.test.ts checks those. */
function oneRuleEach(rules: readonly LinuxSyscall[]): LinuxSyscall[] {
  return [...new Map(rules.map((rule) => [rule.names[0], rule])).values()];
}

/** With x32, libseccomp 2.5.4 loses rules when a profile also has names that only x86 knows: its pseudo numbers carry the x32 bit. */
function hasX32(architectures: readonly SeccompArch[]): (rule: LinuxSyscall) => boolean {
  return (rule) => !architectures.includes('SCMP_ARCH_X32') || rule.names.every((name) => syscallTable('x86_64').has(name));
}

/** What remains under a mask lies inside the mask: else the comparison never holds, which libseccomp reads otherwise. */
function literalMask(rule: LinuxSyscall): LinuxSyscall {
  const inside = (arg: SeccompArg): SeccompArg =>
    arg.op === 'SCMP_CMP_MASKED_EQ' ? { ...arg, valueTwo: BigInt(arg.valueTwo ?? 0) & BigInt(arg.value) } : arg;
  return rule.args === undefined ? rule : { ...rule, args: rule.args.map(inside) };
}

function* callsAbout(profile: LinuxSeccomp, seeds: readonly number[]): Generator<SeccompCall> {
  const named = (profile.syscalls ?? []).flatMap((rule) => rule.names);
  for (const seed of seeds) {
    const [abi, table]: readonly [keyof typeof audit & Abi, ReadonlyMap<string, number>] = numbers[seed % 3] ?? ['x86_64', new Map()];
    const name = named[(seed >> 2) % Math.max(named.length, 1)] ?? 'read';
    const door = multiplexers.find(({ calls }) => Object.hasOwn(calls, name));
    const pick = (shift: number): bigint => values[(seed >> shift) % values.length] ?? 0n;
    const args = [pick(3), pick(6), pick(9), pick(12), pick(15), pick(18)];
    const nr = table.get(name);
    if (nr !== undefined) yield { arch: audit[abi], nr, args };
    if (nr !== undefined) yield { arch: audit[abi], nr: nr + 1, args };
    if (abi === 'x86' && door !== undefined) {
      yield { arch: audit.x86, nr: table.get(door.name) ?? 0, args: [BigInt(door.calls[name] ?? 0), ...args.slice(0, 5)] };
    }
    yield { arch: audit[abi], nr: seed % 700, args };
    yield { arch: audit[abi], nr: 0xffff_ffff, args };
    yield { arch: 0xc000_00b7, nr: seed % 500, args };
  }
}
