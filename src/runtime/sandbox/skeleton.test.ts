import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isOrlopError, type OrlopError } from '#errors';
import type { Spec, SpecMount } from '#oci';
import { allCapabilities } from '../capabilities.ts';
import { maskedPaths, readonlyPaths } from '../defaults.ts';
import { skeletonOf } from '../plan/skeleton.ts';
import { openTestContainers, shell, specOf, usualMounts } from '../testing/containers.ts';
import { reasonToSkip } from '../testing/root.ts';
import { startContainer } from './start.ts';

const skip = reasonToSkip();
const noCompiler = spawnSync('cc', ['--version']).status === 0 ? false : 'needs a C compiler';

describe('containers over a skeleton', { skip }, () => {
  const mark = `orlop-skeleton-test-${process.pid}`;
  const containers = skip === false ? openTestContainers(mark) : (null as never);
  const { addon, home, park, run } = skip === false ? containers : (null as never);

  before(() => {
    // The root does not belong to the container's ids, which can make nothing in it.
    for (const name of ['proc', 'sys', 'dev', 'inner', 'data']) mkdirSync(join(home.root, name));
    if (noCompiler === false) execFileSync('cc', ['-static', '-o', join(home.root, 'bin/escape'), join(import.meta.dirname, 'escape.c')]);
  });
  after(async () => assert.deepEqual(await containers.close(), []));

  const confined = { maskedPaths, readonlyPaths };
  const all = [...allCapabilities];
  const capable = { capabilities: { bounding: all, effective: all, permitted: all, inheritable: [], ambient: [] } };
  const users = { users: true, furnished: true };

  async function failure(promise: Promise<unknown>): Promise<OrlopError> {
    const error: unknown = await promise.then(
      () => assert.fail('it did not fail'),
      (thrown: unknown) => thrown,
    );
    assert.ok(isOrlopError(error), String(error));
    return error;
  }

  /** mountinfo without what differs from mount to mount or from host to host: ids, device numbers and where a mount came from. proc(5). */
  function normalise(mountinfo: string): string[] {
    const lines = mountinfo.split('\n').filter((line) => line !== '');
    return lines
      .map((line) =>
        line
          .split(' ')
          .slice(3)
          .join(' ')
          .replace(/ master:\d+/, ''),
      )
      .toSorted();
  }

  for (const own of [true, false]) {
    test(`they have the same mounts, files and masks as others, ${own ? 'with' : 'without'} an own user namespace`, async () => {
      const listing = specOf(shell('cat /proc/self/mountinfo'), { root: { path: 'r', readonly: true } }, confined);
      const [with_, without] = [
        await run(listing, { sandbox: { users: own, furnished: true } }),
        await run(listing, { sandbox: { users: own } }),
      ];
      assert.ok(with_.output.split('\n').length > 15);
      assert.deepEqual(normalise(with_.output), normalise(without.output));
      const files = specOf(
        shell('cd /dev; for f in * pts/*; do stat -c "%n %F %a %u:%g %t:%T %N" $f; done; ls -ld / /proc /sys /dev; ls /sys/fs/cgroup'),
        {},
        confined,
      );
      const [seen, expected] = [
        await run(files, { sandbox: { users: own, furnished: true } }),
        await run(files, { sandbox: { users: own } }),
      ];
      assert.match(seen.output, /^null character special file 666 .* 1:3/m);
      const timeless = (text: string): string => text.replaceAll(/\S+ +\d+ \d\d:\d\d/g, '').replaceAll(/^(\S+ +)\d+ /gm, '$1');
      assert.equal(timeless(seen.output), timeless(expected.output));
    });
  }

  describe('nothing of the host can be reached', { skip: noCompiler }, () => {
    test('by the classic escape from a chroot', async () => {
      const { code, output } = await run(specOf({ args: ['escape', 'chroot'], ...capable }, {}, confined), { sandbox: users });
      assert.equal(code, 0, output);
      const [root = ''] = output.split('\n');
      assert.deepEqual(new Set(root.split(' ').slice(1)), new Set(['bin', 'tmp', 'proc', 'sys', 'dev', 'inner', 'data']));
    });

    test('by taking the root off: below it is an empty file system that cannot be written', async () => {
      const { code, output } = await run(specOf({ args: ['escape', 'umount'], ...capable }, {}, confined), { sandbox: users });
      assert.equal(code, 0, output);
      const [root = '', ...facts] = output.trimEnd().split('\n');
      assert.deepEqual(root.split(' ').slice(1).toSorted(), ['dev', 'proc', 'sys']);
      // 1021994 is TMPFS_MAGIC. The kernel has locked the skeleton in the place of the host's root.
      assert.deepEqual(facts, ['/proc:', '/dev:', 'type 1021994', 'write: Read-only file system', 'further: Invalid argument']);
    });
  });

  test('a container may make user namespaces of its own: it counts as not confined by chroot', async () => {
    const { code, output } = await run(specOf({ ...shell('busybox unshare -r id -u'), user: { uid: 5, gid: 5 } }), { sandbox: users });
    assert.deepEqual([code, output], [0, '0\n']);
  });

  test('settings that the skeleton does not have are set at the start, and are sealed as the others', async () => {
    const at = 'net.ipv4.ip_unprivileged_port_start';
    const spec = (sysctl: Record<string, string>): Spec =>
      specOf(
        shell(
          'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmni; echo 5 2>/dev/null >/proc/sys/kernel/shmmni || echo sealed',
        ),
        {},
        { ...confined, sysctl },
      );
    const skeleton = skeletonOf(spec({ [at]: '7' }));
    const late = { [at]: '9', 'kernel.shmmni': '123' };
    assert.equal((await run(spec(late), { sandbox: { users: true, skeleton } })).output, '9\n123\nsealed\n');
  });

  test('what is bound on or into the trees of the skeleton lies over it, and masks lie over that', async () => {
    const source = join(home.directory, 'report');
    writeFileSync(source, 'bound\n');
    chmodSync(source, 0o644);
    const bound: SpecMount[] = [
      { destination: '/proc/uptime', type: 'bind', source, options: ['bind'] },
      { destination: '/proc/loadavg', type: 'bind', source, options: ['bind'] },
      { destination: '/dev/shm', type: 'bind', source: join(home.root, 'data'), options: ['bind'] },
    ];
    const masked = { maskedPaths: ['/proc/loadavg', '/proc/keys'], readonlyPaths: ['/proc/uptime'] };
    const script =
      'cat /proc/uptime /proc/loadavg /proc/keys; echo x 2>/dev/null >/proc/uptime || echo sealed; grep -c " /dev/shm " /proc/mounts';
    const { output } = await run(specOf(shell(script), { mounts: [...usualMounts, ...bound] }, masked), { sandbox: users });
    assert.equal(output, 'bound\nsealed\n2\n');
  });

  test('a terminal works in the devices of the skeleton', async () => {
    const { output } = await run(specOf({ ...shell('stty size; test -c /dev/console && tty'), terminal: true }, {}, confined), {
      sandbox: users,
      start: { stdio: { mode: 'terminal', rows: 11, columns: 22 } },
    });
    assert.equal(output.replaceAll('\r', ''), '11 22\n/dev/pts/0\n');
  });

  test('a link in the image in the place of a tree is refused', async () => {
    for (const tree of ['proc', 'sys', 'dev']) {
      rmSync(join(home.root, tree), { recursive: true });
      symlinkSync('data', join(home.root, tree));
      const error = await failure(run(specOf({}), { sandbox: users }));
      rmSync(join(home.root, tree));
      mkdirSync(join(home.root, tree));
      assert.equal(error.code, 'RUNTIME_MOUNT_FAILED');
      assert.match(error.message, new RegExp(`^/${tree} cannot be mounted in the container`));
    }
  });

  test('a skeleton that cannot be built fails the sandbox, by the name of the mount, and nothing is left', async () => {
    await using undo = new AsyncDisposableStack();
    const odd: SpecMount = { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['sise=1'] };
    const skeleton = skeletonOf(specOf({}, { mounts: [...usualMounts.slice(0, 2), odd] }));
    const error = await failure(park(undo, { users: true, skeleton }));
    assert.equal(error.code, 'RUNTIME_MOUNT_FAILED');
    assert.match(error.message, /tmpfs \(shm\) cannot be mounted on \/dev\/shm: .*sise/);
  });

  test('only containers with this skeleton, and a root that needs nothing of the host, can follow', async () => {
    const attempt = async (spec: Spec, root?: { path: string }): Promise<string> => {
      await using undo = new AsyncDisposableStack();
      const sandbox = await park(undo, { users: true, skeleton: skeletonOf(specOf({})) });
      const mount = addon.openTree(-100, home.root, 1);
      undo.defer(() => addon.close(mount));
      const error = await failure(startContainer(sandbox, { spec, root: root ?? { mount }, stdio: { mode: 'null' } }));
      return error.message;
    };
    assert.match(
      await attempt(specOf({}, { mounts: usualMounts.slice(0, 3) })),
      /mounts are not those that the sandbox was furnished with/,
    );
    assert.match(await attempt(specOf({}, {}, { maskedPaths: ['/proc/keys'] })), /not those that the sandbox/);
    assert.match(await attempt(specOf({}, { hooks: { createContainer: [{ path: '/bin/true' }] } })), /createContainer is not supported/);
    assert.match(await attempt(specOf({}), { path: home.root }), /root lies on the host/);
  });
});
