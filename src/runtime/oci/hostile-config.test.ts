import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { LinuxSyscall, Spec, SpecMount } from '#oci';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { type BundleWishes, openTestBundles, type Outcome, shell } from '../testing/bundles.ts';
import { findLeaks } from '../testing/leaks.ts';
import { reasonToSkip } from '../testing/root.ts';
import { exampleSpec } from './commands/spec.ts';

// Configurations, ids and bundles that nobody should write. Each is refused with a sentence, quickly, before or after something was made, and nothing stays.

describe('hostile configurations', { skip: reasonToSkip() }, () => {
  const skipped = reasonToSkip() !== false;
  const mark = `orlop-config-${process.pid}`;
  const bundles = skipped ? (null as never) : openTestBundles(mark);
  const { home } = bundles ?? {};
  const usual = exampleSpec().mounts ?? [];

  after(async () => assert.deepEqual(await bundles.close(), []));

  const run = (wishes: BundleWishes): Outcome => bundles.run({ ...wishes, linux: { resources: {}, ...wishes.linux } });

  /** One sentence for people, no stack, and nothing left. */
  function refused(outcome: Outcome, message: RegExp): void {
    assert.deepEqual([outcome.code, message.test(outcome.err)], [1, true], JSON.stringify(outcome).slice(0, 2000));
    assert.doesNotMatch(outcome.err, /\n\s+at |TypeError|RangeError|INTERNAL/);
    assert.deepEqual([existsSync(bundles.root) ? readdirSync(bundles.root) : [], left()], [[], []]);
  }

  /** Of the cgroup that the containers of this file have in common, only what lies in it counts. */
  function left(): string[] {
    const common = detectCgroupLayout().hierarchies.map(({ mountPoint }) => join(mountPoint, mark));
    const below = common
      .filter((directory) => existsSync(directory))
      .flatMap((directory) => readdirSync(directory, { withFileTypes: true }));
    return [
      ...below.filter((entry) => entry.isDirectory()).map(({ name }) => name),
      ...findLeaks(mark).filter((leak) => !common.includes(leak)),
    ];
  }

  const refuses = (name: string, wishes: () => BundleWishes, message: RegExp): void =>
    void test(`${name} is refused`, () => refused(run(wishes()), message));

  describe('texts', () => {
    const text =
      (value: string | Uint8Array): (() => BundleWishes) =>
      () => ({ text: value });
    refuses('an empty file', text(''), /config\.json/);
    refuses('deep nesting', text('['.repeat(1_000_000)), /config\.json/);
    refuses('deep nesting of objects', text(`${'{"linux":'.repeat(200_000)}1${'}'.repeat(200_000)}`), /root must be/);
    refuses('a file of twenty million bytes', text(`"${'x'.repeat(20_000_000)}"`), /bytes/);
    refuses('what is no UTF-8', text(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), /config\.json/);
    refuses('a list where an object belongs', text('[]'), /config\.json.*object/);
    refuses('a number where an object belongs', text('{"ociVersion":"1.0.2","root":{"path":"/"},"process":7}'), /process/);
    refuses('ids below zero', () => ({ process: { user: { uid: -1, gid: 0 } } }), /process\.user\.uid/);
    refuses('ids beyond 32 bits', () => ({ process: { user: { uid: 0, gid: 2 ** 32 } } }), /process\.user\.gid/);
    refuses('an id that is no whole number', () => ({ process: { user: { uid: 0.5, gid: 0 } } }), /process\.user\.uid/);
  });

  describe('texts with a NUL', () => {
    const nul = 'a\0b';
    const cases: [string, BundleWishes][] = [
      ['process.args', { process: { args: ['true', nul] } }],
      ['process.env', { process: { env: [`PATH=/bin`, `X=${nul}`] } }],
      ['process.cwd', { process: { cwd: `/${nul}` } }],
      ['mounts', { rest: { mounts: [{ destination: `/${nul}`, type: 'tmpfs' }] } }],
      ['hooks', { rest: { hooks: { createRuntime: [{ path: `/${nul}` }] } } }],
      ['hooks', { rest: { hooks: { poststop: [{ path: '/bin/true', env: [nul] }] } } }],
      ['hostname', { rest: { hostname: nul } }],
      ['root.path', { rest: { root: { path: nul } } }],
      ['maskedPaths', { linux: { maskedPaths: [`/${nul}`] } }],
      ['cgroupsPath', { linux: { cgroupsPath: `/${nul}` } }],
      ['sysctl', { linux: { sysctl: { 'net.ipv4.ip_forward': nul } } }],
      ['devices', { linux: { devices: [{ path: `/dev/${nul}`, type: 'p' }] } }],
    ];
    for (const [at, wishes] of cases)
      refuses(`${at} with a NUL`, () => wishes, new RegExp(at === 'process.cwd' ? 'cwd' : at.replace('.', '\\.'), 'i'));
    refuses('the name of a sysctl with a NUL', () => ({ linux: { sysctl: { 'net.ipv4.a\0b': '1' } } }), /NUL/);
  });

  describe('paths', () => {
    test('a cgroup path with dots stays below the root of each hierarchy', () => {
      const { out, code } = run({ linux: { cgroupsPath: `../../../../${mark}/dots` }, process: shell('echo ran') });
      assert.deepEqual([code, out], [0, 'ran\n']);
      for (const { mountPoint } of detectCgroupLayout().hierarchies) assert.ok(!existsSync(join(mountPoint, '..', mark)));
    });
    refuses('a cgroup name with a line break', () => ({ linux: { cgroupsPath: `/${mark}/a\nb` } }), /cgroup/);

    test('a cgroup that holds processes of others is refused, and these live on', () => {
      const { id, directory } = bundles.make({ process: shell('sleep 1000'), linux: { resources: {}, cgroupsPath: `/${mark}/taken` } });
      assert.equal(bundles.call(['run', '-d', '-b', directory, id], { detached: true }).code, 0);
      const outcome = run({ linux: { cgroupsPath: `/${mark}/taken` } });
      assert.deepEqual([outcome.code, /cgroup.*(not empty|processes)/.test(outcome.err)], [1, true], outcome.err);
      assert.match(bundles.call(['state', id]).out, /"status": "running"/);
      assert.equal(bundles.call(['delete', '--force', id]).code, 0);
    });

    test('a root that is a link is taken for what it leads to', () => {
      const link = join(home.directory, 'link');
      symlinkSync(home.root, link);
      assert.equal(run({ rest: { root: { path: link } }, process: shell('ls /bin/sh') }).out, '/bin/sh\n');
    });
    refuses('a root that is a file', () => ({ rest: { root: { path: join(home.root, 'bin/busybox') } } }), /root/);
    refuses('a root that is not there', () => ({ rest: { root: { path: '/no/such/root' } } }), /root/);
    refuses('a mount on the root itself', () => ({ rest: { mounts: [...usual, { destination: '/../', type: 'tmpfs' }] } }), /root itself/);
    refuses('a mount in /proc', () => ({ rest: { mounts: [...usual, { destination: '/x/../proc/self/attr', type: 'tmpfs' }] } }), /\/proc/);
    refuses('a device without numbers', () => ({ linux: { devices: [{ path: '/dev/x', type: 'c' }] } }), /devices\[0\]/);
    refuses('a device of a relative path', () => ({ linux: { devices: [{ path: '../x', type: 'p' }] } }), /devices\[0\]/);

    test('in a user namespace a path of the host that is not the device is not given in its stead', () => {
      const range = [{ containerID: 0, hostID: 600_000, size: 1000 }];
      const namespaces = [...(exampleSpec().linux?.namespaces ?? []), { type: 'user' as const }];
      for (const name of ['proc', 'sys', 'dev', 'etc']) mkdirSync(join(home.root, name), { recursive: true });
      writeFileSync(join(home.directory, 'secret'), 'secret', { mode: 0o644 });
      writeFileSync(join(home.root, 'etc/place'), '');
      for (const path of [`/dev/..${home.directory}/secret`, '/dev/zero', '/dev'])
        refused(
          run({ linux: { namespaces, uidMappings: range, gidMappings: range, devices: [{ path, type: 'c', major: 1, minor: 3 }] } }),
          /devices\[0\]/,
        );
    });
  });

  describe('ids and bundles', () => {
    test('ids that are no names are refused, and lead nowhere', () => {
      const { directory } = bundles.make();
      const verbs: ((id: string) => string[])[] = [
        (id) => ['run', '-b', directory, id],
        (id) => ['delete', '--force', id],
        (id) => ['exec', id, 'true'],
      ];
      for (const [index, id] of ['', '.', '..', '../x', 'a/b', 'a\nb', '/etc', 'a b', 'x'.repeat(2000), 'é'].entries()) {
        const words = verbs[index % verbs.length]?.(id) ?? [];
        const { code, err } = bundles.call(words);
        assert.ok(code !== 0 && /container id|container ID/i.test(err) && !/\n\s+at /.test(err), `${words.join(' ').slice(0, 80)}: ${err}`);
      }
      assert.deepEqual(
        readdirSync(home.directory).filter((name) => name === 'x'),
        [],
      );
    });

    test('an id as long as a file name may be, and one longer', () => {
      const { directory } = bundles.make({ linux: { resources: {} } });
      assert.equal(bundles.call(['run', '-b', directory, 'x'.repeat(255)]).code, 0);
      refused(bundles.call(['run', '-b', directory, 'x'.repeat(256)]), /./);
    });

    test('a config.json that is no file of a size is refused at once', () => {
      for (const make of [
        (path: string): void => void spawnSync('mkfifo', [path]),
        (path: string): void => symlinkSync('/dev/zero', path),
        (path: string): void => symlinkSync('/dev/tty', path),
        (path: string): void => symlinkSync(path, path),
        (path: string): void => mkdirSync(path),
      ]) {
        const { id, directory } = bundles.make();
        rmSync(join(directory, 'config.json'));
        make(join(directory, 'config.json'));
        refused(bundles.call(['run', '-b', directory, id]), /config\.json/);
      }
    });

    test('a bundle that is a file, or nothing, is refused', () => {
      refused(bundles.call(['run', '-b', join(home.root, 'bin/busybox'), `${mark}-x`]), /busybox/);
      refused(bundles.call(['run', '-b', '/no/such/bundle', `${mark}-x`]), /\/no\/such\/bundle/);
    });
  });

  describe('amounts', () => {
    const many =
      (count: number, mount: (index: number) => SpecMount): (() => BundleWishes) =>
      () => ({
        rest: { mounts: [...usual, ...Array.from({ length: count }, (_unused, index) => mount(index))] },
      });
    refuses(
      'twenty thousand mounts',
      many(20_000, (index) => ({ destination: `/m/${index}`, type: 'tmpfs' })),
      /mounts/,
    );
    refuses('arguments larger than the kernel takes', () => ({ process: { args: ['true', 'x'.repeat(200_000)] } }), /argument|true/);
    refuses('a plan beyond its size', () => ({ process: { args: Array.from({ length: 90 }, () => 'x'.repeat(100_000)) } }), /./);

    test('a thousand mounts are none too many', () => {
      const mounts = Array.from(
        { length: 1000 },
        (_unused, index): SpecMount => ({ destination: `/m/${index}`, type: 'bind', source: '/dev/null', options: ['bind'] }),
      );
      const { out, err } = run({ rest: { mounts: [...usual, ...mounts] }, process: shell('ls /m | wc -l') });
      assert.equal(out, '1000\n', err);
    });
  });

  describe('settings', () => {
    const sysctl =
      (name: string, value = '1'): (() => BundleWishes) =>
      () => ({ linux: { sysctl: { [name]: value } } });
    for (const name of [
      'kernel.panic',
      'vm.swappiness',
      'net/../kernel/panic',
      'net/ipv4/../../kernel/core_pattern',
      'kernel.hostname',
      'fs.mqueue/../file-max',
      '/kernel/panic',
      'kernel/msgmax/../panic',
    ])
      refuses(`sysctl ${name}, which is of no namespace of the container's`, sysctl(name), /sysctl/);
    test('a sysctl of the network is set in the own namespace alone', () => {
      const before = readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8');
      assert.equal(
        run({ ...sysctl('net.ipv4.ip_default_ttl', '77')(), process: shell('cat /proc/sys/net/ipv4/ip_default_ttl') }).out,
        '77\n',
      );
      assert.equal(readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8'), before);
      const shared = (exampleSpec().linux?.namespaces ?? []).filter(({ type }) => type !== 'network');
      refused(run({ linux: { sysctl: { 'net.ipv4.ip_default_ttl': '77' }, namespaces: shared } }), /sysctl/);
    });

    const rlimit =
      (soft: number | bigint, hard: number | bigint, type = 'RLIMIT_NOFILE'): (() => BundleWishes) =>
      () => {
        const spec = {
          ...exampleSpec(),
          root: { path: home.root },
          process: {
            cwd: '/',
            args: ['true'],
            env: ['PATH=/bin'],
            user: { uid: 0, gid: 0 },
            rlimits: [{ type, soft: 'SOFT', hard: 'HARD' }],
          },
        };
        return { text: JSON.stringify(spec).replace('"SOFT"', String(soft)).replace('"HARD"', String(hard)) };
      };
    refuses('a soft limit above the hard one', rlimit(20, 10), /RLIMIT_NOFILE/);
    refuses('a limit beyond 64 bits', rlimit(2n ** 64n, 2n ** 64n), /rlimits/);
    refuses('a limit below zero', rlimit(-1, 10), /rlimits/);
    refuses('a limit that does not exist', rlimit(1, 1, 'RLIMIT_NONSENSE'), /RLIMIT_NONSENSE|rlimit/);

    const filter =
      (syscalls: readonly LinuxSyscall[]): (() => BundleWishes) =>
      () => ({
        linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'], syscalls } },
      });
    const args = (count: number): LinuxSyscall['args'] =>
      Array.from({ length: count }, (_unused, index) => ({
        index: index % 6,
        value: 2n ** 63n + BigInt(index),
        op: 'SCMP_CMP_NE' as const,
      })) as never;
    refuses(
      'a filter larger than the kernel takes',
      () => {
        const syscalls = Array.from(
          { length: 3000 },
          (_unused, index): LinuxSyscall => ({
            names: ['write'],
            action: 'SCMP_ACT_ERRNO',
            errnoRet: index % 100,
            args: [{ index: index % 3, value: index * 7, op: 'SCMP_CMP_EQ' }],
          }),
        );
        return filter(syscalls)();
      },
      /seccomp/,
    );
    refuses(
      'an argument that no system call has',
      filter([{ names: ['write'], action: 'SCMP_ACT_ERRNO', args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] }]),
      /index/,
    );
    refuses(
      'a hundred conditions on one rule',
      filter([{ names: ['write'], action: 'SCMP_ACT_ERRNO', args: (args(100) ?? []).map((one) => ({ ...one, value: 1 })) }]),
      /seccomp/,
    );
  });

  test('hooks see no more of our environment than they are given', () => {
    const out = join(home.directory, 'hook-environment');
    const hook = join(home.directory, 'environment.sh');
    writeFileSync(hook, `#!/bin/sh\nenv >${out}\n`, { mode: 0o755 });
    const { id, directory } = bundles.make({
      rest: { hooks: { createRuntime: [{ path: hook, env: ['GIVEN=1'] }] } },
      linux: { resources: {} },
    });
    assert.equal(bundles.call(['run', '-b', directory, id], { environment: { SECRET_OF_THE_CALLER: 'x' } }).code, 0);
    const seen = readFileSync(out, 'utf8');
    assert.match(seen, /^GIVEN=1$/m);
    assert.doesNotMatch(seen, /SECRET_OF_THE_CALLER/);
  });

  test('the annotations of a container reach hooks and state whatever they hold', () => {
    const annotations: Spec['annotations'] = { 'line\nbreak': 'a\0b"\u2028', __proto__x: '{}' };
    const { id, directory } = bundles.make({ rest: { annotations }, linux: { resources: {} } });
    assert.equal(bundles.call(['create', '-b', directory, id], { detached: true }).code, 0);
    assert.deepEqual((JSON.parse(bundles.call(['state', id]).out) as { annotations: object }).annotations, annotations);
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  });
});
