import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isErrno, isOrlopError } from '#errors';
import * as k from './constants.ts';
import { isAtLeast, kernelRelease } from './kernel.ts';
import { loadAddon } from './load-addon.ts';
import { openNamespace } from './namespaces.ts';
import { parseProcessStatus } from './procfs.ts';
import { probeMappedOverlay, probeOverlayWay } from './overlay-probe.ts';
import { idmappedView, mountOverlayRoot, planOverlayData, planOverlayOptions, type OverlayRoot, type OverlayWay } from './overlay.ts';

const addon = loadAddon();
const first = 300_000;
const PR_GET_SECUREBITS = 27;
const SECBIT_NO_SETUID_FIXUP = 4;
// statvfs(3)
const ST_NOSUID = 2;
const ST_NODEV = 4;
const ST_NOATIME = 1024;

test('the plan names layers in order, below the descriptor', () => {
  const root: OverlayRoot = {
    base: 7,
    lower: ['layers/b', 'layers/a'],
    upper: { directory: 'c/upper', work: 'c/work' },
    volatile: true,
    fsuid: 0,
    fsgid: 0,
  };
  assert.deepEqual(planOverlayOptions(root), [
    ['source', 'orlop'],
    ['redirect_dir', 'off'],
    ['metacopy', 'off'],
    ['lowerdir+', '/proc/self/fd/7/layers/b'],
    ['lowerdir+', '/proc/self/fd/7/layers/a'],
    ['upperdir', '/proc/self/fd/7/c/upper'],
    ['workdir', '/proc/self/fd/7/c/work'],
    ['volatile', null],
  ]);
});

test('in a machine overlayfs keeps its marks in attributes of users, with all that it could not undo then off by itself', () => {
  const root: OverlayRoot = { base: 7, lower: ['a', 'b'], fsuid: 0, fsgid: 0 };
  assert.deepEqual(planOverlayOptions(root, 'user').slice(0, 3), [
    ['source', 'orlop'],
    ['userxattr', null],
    ['lowerdir+', '/proc/self/fd/7/a'],
  ]);
  assert.equal(planOverlayData(root, 'user').data, 'userxattr,lowerdir=0:1');
});

test('for mount(2) every directory has a number, so that the most layers there can be fit into a page', () => {
  const root: OverlayRoot = { base: 7, lower: ['layers/b', 'layers/a'], fsuid: 0, fsgid: 0 };
  assert.deepEqual(planOverlayData(root), { layers: ['layers/b', 'layers/a'], data: 'redirect_dir=off,metacopy=off,lowerdir=0:1' });
  assert.deepEqual(planOverlayData({ ...root, upper: { directory: 'c/upper', work: 'c/work' }, volatile: true }), {
    layers: ['layers/b', 'layers/a', 'c/upper', 'c/work'],
    data: 'redirect_dir=off,metacopy=off,lowerdir=0:1,upperdir=2,workdir=3,volatile',
  });
  const most = Array.from({ length: 500 }, () => 'layers/x');
  assert.ok(planOverlayData({ ...root, lower: most, upper: { directory: 'c/upper', work: 'c/work' }, volatile: true }).data.length < 4096);
});

test('paths that leave the base, too many of them, or one that the kernel would cut, are refused', () => {
  const refuses = (plan: (root: OverlayRoot) => unknown, lower: string[]): void =>
    assert.throws(
      () => plan({ base: 3, lower, fsuid: 0, fsgid: 0 }),
      (error) => isOrlopError(error, 'invalid-argument'),
      JSON.stringify(lower),
    );
  for (const lower of [[], [''], ['/etc'], ['a/../..'], ['a//b'], ['./a'], Array.from({ length: 501 }, () => 'a')]) {
    refuses(planOverlayOptions, lower);
    refuses(planOverlayData, lower);
  }
  refuses(planOverlayOptions, ['x'.repeat(300)]);
});

interface Guest {
  readonly pid: number;
  readonly userns: number;
}

/** A process alone in a user namespace that maps 0 … 65535 to `first` and up. */
async function startGuest(undo: AsyncDisposableStack): Promise<Guest> {
  const child = spawn('unshare', ['-U', 'sh', '-c', 'echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const pid = child.pid ?? 0;
  await once(child.stdout, 'data');
  writeFileSync(`/proc/${pid}/uid_map`, `0 ${first} 65536`);
  writeFileSync(`/proc/${pid}/gid_map`, `0 ${first} 65536`);
  const userns = openNamespace(pid, 'user');
  undo.defer(() => {
    addon.close(userns);
    child.stdin.end();
  });
  return { pid, userns };
}

/** A data root with two layers, an upper and a work directory, all owned by 0. */
function dataRoot(undo: AsyncDisposableStack): string {
  // Not tmpfs-only: trusted attributes and whiteouts need a file system that the engine would use.
  const directory = mkdtempSync('/var/tmp/orlop-overlay-');
  undo.defer(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  for (const name of ['top', 'bottom/etc', 'upper', 'work', 'point']) mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'top/both'), 'from the top');
  writeFileSync(join(directory, 'bottom/both'), 'from the bottom');
  writeFileSync(join(directory, 'bottom/etc/passwd'), 'root');
  writeFileSync(join(directory, 'bottom/gone'), '');
  return directory;
}

function attach(undo: AsyncDisposableStack, directory: string, mount: number): void {
  const point = join(directory, 'point');
  addon.moveMount(mount, '', k.AT_FDCWD, point, k.MOVE_MOUNT_F_EMPTY_PATH);
  undo.defer(() => addon.umount(point, k.MNT_DETACH));
}

function inGuest(guest: Guest, directory: string, script: string): string {
  const run = spawnSync('nsenter', ['-t', String(guest.pid), '-U', '-S', '0', '-G', '0', 'sh', '-euc', script], {
    cwd: directory,
    encoding: 'utf8',
  });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout;
}

async function mountMapped(
  undo: AsyncDisposableStack,
  way: OverlayWay,
  directory: string,
  guest: Guest,
  more: Partial<OverlayRoot> = {},
): Promise<number> {
  const base = idmappedView(addon, directory, guest.userns);
  undo.defer(() => addon.close(base));
  const upper = { directory: 'upper', work: 'work' };
  const mount = await mountOverlayRoot(addon, { base, lower: ['top', 'bottom'], upper, fsuid: first, fsgid: first, way, ...more });
  undo.defer(() => addon.close(mount));
  return mount;
}

const rootOnly =
  process.getuid?.() !== 0 ? 'needs root' : spawnSync('nsenter', ['--version']).error !== undefined ? 'needs nsenter and unshare' : false;

/** null: it has ended meanwhile. */
function readStatus(thread: string): ReturnType<typeof parseProcessStatus> | null {
  try {
    return parseProcessStatus(readFileSync(`/proc/self/task/${thread}/status`, 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return null;
    throw error;
  }
}

/** An older kernel is not asked for what it cannot do. */
const ways: readonly OverlayWay[] = isAtLeast(kernelRelease(), 6, 15) ? ['detached', 'attached'] : ['attached'];

for (const way of ways) {
  test(`the writable side may be a mount of its own, which stays with the overlay, ${way}`, { skip: rootOnly }, async () => {
    await using undo = new AsyncDisposableStack();
    const directory = dataRoot(undo);
    const base = addon.openat2(k.AT_FDCWD, directory, k.O_RDONLY | k.O_DIRECTORY, 0, 0);
    undo.defer(() => addon.close(base));
    const disk = addon.mountDetached('tmpfs', [['size', '1m']], 0);
    for (const part of ['upper', 'work']) addon.mkdirat(disk, part, 0o755);
    const upper = { directory: 'upper', work: 'work', disk };
    const mount = await mountOverlayRoot(addon, { base, lower: ['top', 'bottom'], upper, fsuid: 0, fsgid: 0, way });
    undo.defer(() => addon.close(mount));
    writeFileSync(`/proc/self/fd/${mount}/made`, 'text');
    assert.equal(readFileSync(`/proc/self/fd/${disk}/upper/made`, 'utf8'), 'text');
    addon.close(disk);
    assert.equal(readFileSync(`/proc/self/fd/${mount}/made`, 'utf8'), 'text');
    assert.deepEqual(readdirSync(join(directory, 'upper')), []);
    assert.throws(() => writeFileSync(`/proc/self/fd/${mount}/large`, Buffer.alloc(2_000_000)), { code: 'ENOSPC' });
  });

  describe(`an overlay over a mapped view, ${way}`, () => {
    test('a guest creates, copies up, chowns, deletes and replaces; on disk owners are unshifted', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const directory = dataRoot(undo);
      attach(undo, directory, await mountMapped(undo, way, directory, guest));
      const seen = inGuest(
        guest,
        join(directory, 'point'),
        `stat -c '%u:%g %n' both etc etc/passwd; cat both
         echo new > made; echo more >> etc/passwd; chown 7:8 both; rm gone
         mkdir -m 750 fresh; rm -r etc; mkdir etc; echo again > etc/group; chown 65535:1 etc/group; ls etc; stat -c '%u:%g' made both etc/group`,
      );
      assert.equal(seen, '0:0 both\n0:0 etc\n0:0 etc/passwd\nfrom the topgroup\n0:0\n7:8\n65535:1\n');

      const upper = addon.openat2(k.AT_FDCWD, join(directory, 'upper'), k.O_RDONLY | k.O_DIRECTORY, 0, 0);
      undo.defer(() => addon.close(upper));
      const owner = (path: string): number[] => {
        const facts = addon.fstatat(upper, path, k.AT_SYMLINK_NOFOLLOW);
        return [facts.uid, facts.gid];
      };
      assert.deepEqual(owner('made'), [0, 0]);
      assert.deepEqual(owner('fresh'), [0, 0]);
      assert.deepEqual(owner('both'), [7, 8]);
      assert.deepEqual(owner('etc/group'), [65535, 1]);
      const whiteout = addon.fstatat(upper, 'gone', k.AT_SYMLINK_NOFOLLOW);
      assert.deepEqual([whiteout.mode & k.S_IFMT, whiteout.rdevMajor, whiteout.rdevMinor, whiteout.uid], [k.S_IFCHR, 0, 0, 0]);
      const etc = addon.openat2(upper, 'etc', k.O_RDONLY | k.O_DIRECTORY, 0, 0);
      undo.defer(() => addon.close(etc));
      assert.equal(addon.getxattr(etc, 'trusted.overlay.opaque')?.toString(), 'y');
      assert.deepEqual(
        addon.listxattr(etc).filter((name) => name.includes('overlay.opaque')),
        ['trusted.overlay.opaque'],
      );
      assert.equal(readFileSync(join(directory, 'bottom/etc/passwd'), 'utf8'), 'root', 'layers never change');
    });

    test('the same upper directory under another range shows the same owners', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const directory = dataRoot(undo);
      const mount = await mountMapped(undo, way, directory, guest);
      // Through the descriptor alone, attached nowhere.
      const made = addon.openat2(mount, 'etc/passwd', k.O_RDWR, 0, 0);
      assert.equal(addon.fstatat(made, '', k.AT_EMPTY_PATH).uid, first, 'seen from the host the view is shifted');
      addon.close(made);
      const plain = addon.openat2(k.AT_FDCWD, directory, k.O_PATH | k.O_DIRECTORY, 0, 0);
      undo.defer(() => addon.close(plain));
      const host = await mountOverlayRoot(addon, { base: plain, lower: ['upper', 'bottom'], fsuid: 0, fsgid: 0, way });
      undo.defer(() => addon.close(host));
      assert.equal(addon.fstatat(host, 'etc/passwd', 0).uid, 0);
    });

    test('ids that do not own the view are refused instead of a silently read-only root', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const directory = dataRoot(undo);
      await assert.rejects(
        mountMapped(undo, way, directory, guest, { fsuid: 0, fsgid: 0 }),
        (error) => isOrlopError(error, 'failed-precondition') && error.code === 'SYS_OVERLAY_READ_ONLY',
      );
    });

    test('a volatile root mounts again after an unclean end', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const directory = dataRoot(undo);
      mkdirSync(join(directory, 'work/work/incompat/volatile'), { recursive: true });
      writeFileSync(join(directory, 'work/work/incompat/volatile/dirty'), '');
      await mountMapped(undo, way, directory, guest, { volatile: true });
      assert.deepEqual(readdirSync(join(directory, 'work/work/incompat')), ['volatile']);
    });

    test('no thread of this process keeps the identity that mounted', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      await mountMapped(undo, way, dataRoot(undo), await startGuest(undo));
      for (const thread of readdirSync('/proc/self/task')) {
        const status = readStatus(thread);
        if (status !== null) assert.deepEqual([status.get('Uid'), status.get('Gid')], ['0\t0\t0\t0', '0\t0\t0\t0']);
      }
      assert.equal(addon.prctl(PR_GET_SECUREBITS, 0) & SECBIT_NO_SETUID_FIXUP, 0);
    });

    test('a missing layer fails with the errno', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      await assert.rejects(mountMapped(undo, way, dataRoot(undo), guest, { lower: ['top', 'none'] }), (error) => isErrno(error, 'ENOENT'));
    });

    test('the base stays usable: a second overlay stands on it', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const directory = dataRoot(undo);
      const base = idmappedView(addon, directory, guest.userns);
      undo.defer(() => addon.close(base));
      for (const lower of [
        ['top', 'bottom'],
        ['bottom', 'top'],
      ]) {
        const mount = await mountOverlayRoot(addon, { base, lower, fsuid: first, fsgid: first, way });
        undo.defer(() => addon.close(mount));
        assert.equal(readFileSync(`/proc/self/fd/${mount}/both`, 'utf8'), `from the ${lower[0]}`);
      }
    });

    test('nothing of it is in the mount table, and the working directory is where it was', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const directory = dataRoot(undo);
      const seen = (): unknown => [
        readFileSync('/proc/self/mountinfo', 'utf8')
          .split('\n')
          .filter((line) => line.includes('overlay')),
        process.cwd(),
      ];
      const before = seen();
      await mountMapped(undo, way, directory, guest);
      assert.deepEqual(seen(), before);
    });

    test('attributes are those of the mount', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const attributes = k.MOUNT_ATTR_RDONLY | k.MOUNT_ATTR_NOSUID | k.MOUNT_ATTR_NOATIME;
      const mount = await mountMapped(undo, way, dataRoot(undo), guest, { attributes });
      const { flags } = addon.statfs(`/proc/self/fd/${mount}`);
      assert.deepEqual(
        [flags & k.ST_RDONLY, flags & ST_NOSUID, flags & ST_NODEV, flags & ST_NOATIME],
        [k.ST_RDONLY, ST_NOSUID, 0, ST_NOATIME],
      );
    });

    test('many layers with long and odd names are stacked in their order', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const directory = dataRoot(undo);
      const lower = Array.from({ length: 120 }, (_none, index) => `layers/${'a:b,c\\d'.repeat(10)}-${index}`);
      for (const [index, path] of lower.entries()) {
        mkdirSync(join(directory, path), { recursive: true });
        writeFileSync(join(directory, path, 'which'), String(index));
        writeFileSync(join(directory, path, `only-${index}`), '');
      }
      const mount = await mountMapped(undo, way, directory, guest, { lower });
      assert.equal(readFileSync(`/proc/self/fd/${mount}/which`, 'utf8'), '0');
      assert.equal(readdirSync(`/proc/self/fd/${mount}`).length, lower.length + 1);
    });

    test('the probe says yes here, or why not, and leaves nothing', { skip: rootOnly }, async () => {
      await using undo = new AsyncDisposableStack();
      const guest = await startGuest(undo);
      const directory = dataRoot(undo);
      const before = readdirSync(directory);
      assert.deepEqual(await probeMappedOverlay(addon, directory, guest.userns, first, first, way), { supported: true });
      const refused = await probeMappedOverlay(addon, directory, guest.userns, 0, 0, way);
      assert.equal(refused.supported, false);
      assert.deepEqual(readdirSync(directory), before);
    });
  });
}

test('the way that is probed works here, and the probe leaves nothing', { skip: rootOnly }, async () => {
  await using undo = new AsyncDisposableStack();
  const guest = await startGuest(undo);
  const directory = dataRoot(undo);
  const before = readdirSync(directory);
  const way = await probeOverlayWay(addon, directory);
  assert.deepEqual(readdirSync(directory), before);
  assert.deepEqual(await probeMappedOverlay(addon, directory, guest.userns, first, first, way), { supported: true });
});

test('a file system that cannot be mapped is named with a way out', { skip: rootOnly }, async () => {
  await using undo = new AsyncDisposableStack();
  const guest = await startGuest(undo);
  assert.throws(
    () => idmappedView(addon, '/proc/sys', guest.userns),
    (error) => isOrlopError(error, 'failed-precondition') && error.message.includes('/proc/sys'),
  );
});
