import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isOrlopError } from '#errors';
import type { LinuxSeccomp, LinuxSyscall, SeccompAction, SeccompFlag } from '#oci';
import { createSeccompCache } from './cache.ts';
import { compileSeccomp, type SeccompHost } from './compile.ts';
import { interpretFilter } from './interpret.ts';
import { defaultProfile } from './profiles/app.ts';
import { systemProfile } from './profiles/system.ts';
import { type Abi, syscallTable, x32Bit } from './syscalls/table.ts';

const audits: Readonly<Record<Abi, number>> = {
  x86_64: 0xc000_003e,
  x32: 0xc000_003e,
  x86: 0x4000_0003,
  aarch64: 0xc000_00b7,
  arm: 0x4000_0028,
};
const allow = 0x7fff_0000;
const errno = (number: number): number => 0x0005_0000 | number;

function verdict(profile: LinuxSeccomp, abi: Abi, name: string | number, args: bigint[] = [], host: SeccompHost = { arch: 'x64' }): number {
  const nr = typeof name === 'number' ? name : (syscallTable(abi).get(name) ?? assert.fail(`${abi} has no ${name}`));
  return interpretFilter(compileSeccomp(profile, host).filter, { arch: audits[abi], nr, args });
}

function refuses(profile: LinuxSeccomp, message: RegExp): void {
  assert.throws(
    () => compileSeccomp(profile, { arch: 'x64' }),
    (error) => isOrlopError(error, 'invalid-argument') && error.code === 'RUNTIME_BAD_SECCOMP' && message.test(error.message),
  );
}

const permissive: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ALLOW' };
const allowing = (...names: string[]): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }],
});

describe('actions', () => {
  const cases: readonly [SeccompAction, number | undefined, number][] = [
    ['SCMP_ACT_KILL', undefined, 0],
    ['SCMP_ACT_KILL_THREAD', undefined, 0],
    ['SCMP_ACT_KILL_PROCESS', undefined, 0x8000_0000],
    ['SCMP_ACT_TRAP', undefined, 0x0003_0000],
    ['SCMP_ACT_ERRNO', undefined, errno(1)],
    ['SCMP_ACT_ERRNO', 38, errno(38)],
    ['SCMP_ACT_TRACE', 7, 0x7ff0_0007],
    ['SCMP_ACT_LOG', undefined, 0x7ffc_0000],
  ];
  for (const [action, errnoRet, expected] of cases) {
    it(`${action} ${errnoRet ?? ''} returns 0x${expected.toString(16)}`, () => {
      const rule: LinuxSyscall = { names: ['read'], action, ...(errnoRet === undefined ? {} : { errnoRet }) };
      assert.equal(verdict({ ...permissive, syscalls: [rule] }, 'x86_64', 'read'), expected);
    });
  }

  it('refuse an errno where the action takes none', () => {
    refuses({ ...permissive, syscalls: [{ names: ['read'], action: 'SCMP_ACT_KILL', errnoRet: 1 }] }, /SCMP_ACT_KILL takes no errnoRet/);
    refuses({ ...permissive, syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 70_000 }] }, /16 bits/);
  });
});

describe('interfaces', () => {
  it('kills calls of an interface that the profile does not name, and of a foreign one', () => {
    const native: LinuxSeccomp = { ...allowing('read'), architectures: [] };
    assert.equal(verdict(native, 'x86', 'read'), 0);
    assert.equal(verdict(native, 'x32', 'read'), 0);
    assert.equal(verdict(native, 'aarch64', 'read'), 0);
    assert.equal(verdict(native, 'x86_64', 'read'), allow);
  });

  it('always covers the native one and ignores those that this host cannot run', () => {
    const profile: LinuxSeccomp = { ...allowing('read'), architectures: ['SCMP_ARCH_S390X', 'SCMP_ARCH_ARM'] };
    assert.equal(verdict(profile, 'x86_64', 'read'), allow);
    assert.equal(verdict(profile, 'arm', 'read', [], { arch: 'arm64' }), allow);
    assert.equal(verdict(profile, 'aarch64', 'read', [], { arch: 'arm64' }), allow);
  });

  it('gives a call that a tracer skips the default action', () => {
    assert.equal(verdict(allowing('read'), 'x86_64', 0xffff_ffff), errno(1));
    assert.equal(verdict({ ...allowing('read'), architectures: [] }, 'x86_64', 0xffff_ffff), errno(1));
  });

  it('skips names that no kernel has', () => {
    assert.equal(verdict(allowing('read', 'no_such_call'), 'x86_64', 'read'), allow);
  });

  it('refuses a processor without tables', () => {
    assert.throws(
      () => compileSeccomp(permissive, { arch: 's390x' }),
      (error) => isOrlopError(error, 'unimplemented') && error.code === 'RUNTIME_SECCOMP_ARCH',
    );
  });
});

describe('calls newer than the profile', () => {
  it('get ENOSYS, older unnamed ones the default action', () => {
    const profile = allowing('read', 'statx');
    assert.equal(verdict(profile, 'x86_64', 'openat2'), errno(38));
    assert.equal(verdict(profile, 'x86_64', 'mount'), errno(1));
    assert.equal(verdict(profile, 'x86', 'openat2'), errno(38));
    assert.equal(verdict(profile, 'x32', x32Bit | 440), errno(38));
  });

  it('get the default action when it is permissive or when asked', () => {
    const denying: LinuxSeccomp = { ...permissive, syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO' }] };
    assert.equal(verdict(denying, 'x86_64', 'openat2'), allow);
    assert.equal(verdict(allowing('read'), 'x86_64', 'openat2', [], { arch: 'x64', answerNewer: false }), errno(1));
  });
});

describe('several conditions', () => {
  it('on one argument in one rule: any may hold, as in runc', () => {
    const args = [2, 4].map((value) => ({ index: 0, op: 'SCMP_CMP_EQ', value }) as const);
    const profile: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['prctl'], action: 'SCMP_ACT_ALLOW', args }] };
    assert.deepEqual(
      [1n, 2n, 4n].map((value) => verdict(profile, 'x86_64', 'prctl', [value])),
      [errno(1), allow, allow],
    );
  });

  it('lose to a rule for the same call that has none', () => {
    const syscalls: LinuxSyscall[] = [
      { names: ['prctl'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 1 }] },
      { names: ['prctl'], action: 'SCMP_ACT_KILL_PROCESS' },
    ];
    assert.equal(verdict({ defaultAction: 'SCMP_ACT_ERRNO', syscalls }, 'x86_64', 'prctl', [1n]), 0x8000_0000);
  });

  it('refuse values that are not exact or too large', () => {
    const rule = (value: number | bigint, index = 0): LinuxSeccomp => ({
      ...permissive,
      syscalls: [{ names: ['prctl'], action: 'SCMP_ACT_ERRNO', args: [{ index, op: 'SCMP_CMP_EQ', value }] }],
    });
    refuses(rule(2 ** 64), /not an exact integer/);
    refuses(rule(1.5), /not an exact integer/);
    refuses(rule(-1), /does not fit/);
    refuses(rule(1n << 64n), /does not fit/);
    refuses(rule(1, 6), /argument index 6/);
  });
});

describe('the multiplexers of 32-bit x86', () => {
  const socketWhen = (defaultAction: SeccompAction, action: SeccompAction): LinuxSeccomp => ({
    defaultAction,
    architectures: ['SCMP_ARCH_X86'],
    syscalls: [{ names: ['socket'], action, args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 2 }] }],
  });

  it('are no way around a rule that denies', () => {
    const profile: LinuxSeccomp = {
      ...permissive,
      architectures: ['SCMP_ARCH_X86'],
      syscalls: [{ names: ['connect', 'shmat'], action: 'SCMP_ACT_ERRNO' }],
    };
    assert.equal(verdict(profile, 'x86', 'socketcall', [3n]), errno(1));
    assert.equal(verdict(profile, 'x86', 'socketcall', [2n]), allow);
    assert.equal(verdict(profile, 'x86', 'ipc', [0x1_0015n]), errno(1));
    assert.equal(verdict(socketWhen('SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO'), 'x86', 'socketcall', [1n]), errno(1));
  });

  it('do not widen a rule that permits under conditions they cannot see', () => {
    assert.equal(verdict(socketWhen('SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW'), 'x86', 'socketcall', [1n]), errno(1));
    assert.equal(verdict(socketWhen('SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW'), 'x86', 'socket', [2n]), allow);
  });
});

describe('flags and the notify listener', () => {
  const notifying = (extra: Partial<LinuxSeccomp>, names = ['mkdir']): LinuxSeccomp => ({
    ...permissive,
    syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
    ...extra,
  });
  const flags = (given: readonly SeccompFlag[] | undefined): number =>
    compileSeccomp(given === undefined ? permissive : { ...permissive, flags: given }, { arch: 'x64' }).flags;

  it('are SPEC_ALLOW when the profile says nothing, else what it says', () => {
    assert.equal(flags(undefined), 4);
    assert.equal(flags([]), 0);
    assert.equal(flags(['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']), 1 | 2 | 32);
  });

  it('ask for a listener when a rule notifies', () => {
    const compiled = compileSeccomp(
      notifying({ listenerPath: '/run/agent', listenerMetadata: 'box', flags: ['SECCOMP_FILTER_FLAG_TSYNC'] }),
      { arch: 'x64' },
    );
    assert.deepEqual(compiled.listener, { path: '/run/agent', metadata: 'box' });
    assert.equal(compiled.flags, 1 | 8 | 16);
  });

  it('refuse a notification that cannot work, and pass over a path without one', () => {
    refuses(notifying({}), /needs listenerPath/);
    refuses(notifying({ listenerPath: '/run/agent' }, ['write']), /cannot be used for the write syscall/);
    refuses(notifying({ listenerPath: '/run/agent' }, ['sendmsg']), /cannot be used for the sendmsg syscall/);
    assert.equal(compileSeccomp({ ...permissive, listenerPath: '/run/agent' }, { arch: 'x64' }).listener, undefined);
    refuses({ defaultAction: 'SCMP_ACT_NOTIFY', listenerPath: '/run/agent' }, /default action/);
  });
});

describe('the default profile', () => {
  const plain = defaultProfile([], 'x64');
  const admin = defaultProfile(['CAP_SYS_ADMIN'], 'x64');

  it('lets programs work and keeps the kernel as a whole out of reach', () => {
    for (const name of ['read', 'execve', 'futex', 'io_submit', 'ptrace']) assert.equal(verdict(plain, 'x86_64', name), allow, name);
    for (const name of ['mount', 'unshare', 'kexec_load', 'keyctl', 'bpf', 'io_uring_setup', 'reboot', 'open_by_handle_at', 'setns']) {
      assert.equal(verdict(plain, 'x86_64', name), errno(1), name);
    }
  });

  it('permits clone without namespaces, hides clone3, and opens both with CAP_SYS_ADMIN', () => {
    assert.equal(verdict(plain, 'x86_64', 'clone', [0x11n]), allow);
    assert.equal(verdict(plain, 'x86_64', 'clone', [0x1000_0011n]), errno(1));
    assert.equal(verdict(plain, 'x86_64', 'clone3'), errno(38));
    for (const name of ['clone', 'clone3', 'mount', 'unshare']) assert.equal(verdict(admin, 'x86_64', name, [0x1000_0011n]), allow, name);
  });

  it('permits the families of sockets that stay inside the container, whatever the upper half of the word says', () => {
    for (const family of [1n, 2n, 10n, 11n, 16n, 17n]) assert.equal(verdict(plain, 'x86_64', 'socket', [family]), allow);
    for (const family of [12n, 38n, 40n, (1n << 32n) + 40n, (1n << 32n) + 38n])
      assert.equal(verdict(plain, 'x86_64', 'socket', [family]), errno(1));
  });

  it('permits the personalities that change nothing', () => {
    for (const value of [0n, 8n, 0xffff_ffffn]) assert.equal(verdict(plain, 'x86_64', 'personality', [value]), allow);
    assert.equal(verdict(plain, 'x86_64', 'personality', [0x4_0000n]), errno(1));
  });

  it('covers the older interfaces of both processors', () => {
    assert.equal(verdict(plain, 'x86', 'waitpid'), allow);
    assert.equal(verdict(plain, 'x32', 'read'), allow);
    const arm = defaultProfile([], 'arm64');
    assert.equal(verdict(arm, 'aarch64', 'read', [], { arch: 'arm64' }), allow);
    assert.equal(verdict(arm, 'arm', 'cacheflush', [], { arch: 'arm64' }), allow);
  });

  it('stays far below the limit of the kernel', () => {
    assert.ok(compileSeccomp(plain, { arch: 'x64' }).filter.length / 8 < 1000);
  });
});

describe('the profile of system containers', () => {
  const profile = systemProfile('x64');

  it('lets an init mount, make namespaces and keep keys', () => {
    for (const name of [
      'mount',
      'unshare',
      'clone3',
      'setns',
      'pivot_root',
      'keyctl',
      'reboot',
      'sethostname',
      'name_to_handle_at',
      'open_tree',
    ]) {
      assert.equal(verdict(profile, 'x86_64', name), allow, name);
    }
  });

  it('denies what reaches the host', () => {
    for (const name of ['kexec_load', 'finit_module', 'open_by_handle_at', 'swapon', 'bpf', 'syslog']) {
      assert.equal(verdict(profile, 'x86_64', name), errno(1), name);
    }
    assert.equal(verdict(profile, 'x86_64', 'io_uring_setup'), errno(38));
    assert.equal(verdict(profile, 'x86_64', 'umount2', [0n, 1n]), errno(13));
    assert.equal(verdict(profile, 'x86_64', 'umount2', [0n, 2n]), allow);
  });
});

describe('the cache', () => {
  it('gives equal profiles the same filter and different ones their own', () => {
    const cache = createSeccompCache();
    const first = cache.get(defaultProfile([], 'x64'), { arch: 'x64' });
    assert.equal(cache.get(defaultProfile([], 'x64'), { arch: 'x64' }), first);
    assert.notEqual(cache.get(defaultProfile(['CAP_SYS_ADMIN'], 'x64'), { arch: 'x64' }), first);
    assert.notEqual(cache.get(defaultProfile([], 'x64'), { arch: 'x64', answerNewer: false }), first);
  });

  it('makes a profile that has a name only once a processor', () => {
    const cache = createSeccompCache();
    let made = 0;
    const make = (): LinuxSeccomp => {
      made += 1;
      return defaultProfile([], 'x64');
    };
    const first = cache.named('app', make, { arch: 'x64' });
    assert.equal(cache.named('app', make, { arch: 'x64' }), first);
    assert.equal(made, 1);
    assert.notEqual(cache.named('other', make, { arch: 'x64' }), first);
    assert.notEqual(cache.named('app', make, { arch: 'arm64' }), first);
  });

  it('forgets what was used longest ago', () => {
    const cache = createSeccompCache(2);
    const profile = (value: bigint): LinuxSeccomp => ({
      ...permissive,
      syscalls: [{ names: ['prctl'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, op: 'SCMP_CMP_EQ', value }] }],
    });
    const first = cache.get(profile(1n), { arch: 'x64' });
    cache.get(profile(2n), { arch: 'x64' });
    assert.equal(cache.get(profile(1n), { arch: 'x64' }), first);
    const second = cache.get(profile(3n), { arch: 'x64' });
    assert.equal(cache.get(profile(1n), { arch: 'x64' }), first);
    assert.equal(cache.get(profile(3n), { arch: 'x64' }), second);
  });
});
