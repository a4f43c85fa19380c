import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseKernelRelease } from '#sys';
import { fromDockerProfile, type ProfileFacts } from './docker-seccomp.ts';

const facts: ProfileFacts = { capabilities: ['CAP_CHOWN'], arch: 'x64', kernel: parseKernelRelease('5.10.0-1-amd64') };
const action = 'SCMP_ACT_ALLOW';
const convert = (profile: object): unknown => fromDockerProfile({ defaultAction: 'SCMP_ACT_ERRNO', ...profile }, facts);

test("a profile of the runtime specification's format is left as it is", () => {
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86'],
    syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }],
  };
  assert.deepEqual(fromDockerProfile(profile, facts), profile);
  for (const strange of [7, null, [], 'x']) assert.deepEqual(fromDockerProfile(strange, facts), strange);
});

test('names, processors and comments are those of the specification', () => {
  assert.deepEqual(
    convert({
      archMap: [
        { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
        { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
      ],
      syscalls: [{ name: 'read', action, args: null, comment: 'why', includes: {}, excludes: {} }],
    }),
    { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'], syscalls: [{ action, names: ['read'] }] },
  );
});

test('rules hold where their conditions do', () => {
  const cases: readonly [condition: object, holds: boolean][] = [
    [{ includes: { caps: ['CAP_CHOWN'] } }, true],
    [{ includes: { caps: ['CAP_CHOWN', 'CAP_BPF'] } }, false],
    [{ includes: { arches: ['amd64', 'x32'] } }, true],
    [{ includes: { arches: ['arm64'] } }, false],
    [{ includes: { minKernel: '4.8' } }, true],
    [{ includes: { minKernel: '5.11' } }, false],
    [{ excludes: { caps: ['CAP_CHOWN'] } }, false],
    [{ excludes: { caps: ['CAP_BPF'] } }, true],
    [{ excludes: { arches: ['s390x'] } }, true],
    [{ excludes: { arches: ['amd64'] } }, false],
    [{ excludes: { minKernel: '5.10' } }, false],
    [{ includes: { minKernel: '4.8' }, excludes: { caps: ['CAP_CHOWN'] } }, false],
  ];
  for (const [condition, holds] of cases) {
    const { syscalls } = convert({ syscalls: [{ names: ['read'], action, ...condition }] }) as { syscalls: unknown[] };
    assert.equal(syscalls.length === 1, holds, JSON.stringify(condition));
  }
});

test('what contradicts itself is refused', () => {
  assert.throws(() => convert({ archMap: [{}], architectures: ['SCMP_ARCH_X32'] }), /both 'architectures' and 'archMap' are specified/);
  assert.throws(() => convert({ syscalls: [{ name: 'chmod', names: ['fchmod'], action }] }), /use either 'name' or 'names'/);
  assert.throws(() => convert({ syscalls: [{ name: 'chmod', action, includes: { minKernel: 'new' } }] }), /invalid minKernel "new"/);
});
