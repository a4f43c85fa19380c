import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SpecMount } from '#oci';
import { requestWith } from '../fixtures/records.ts';
import type { Kind } from '../model.ts';
import { hostFilesOf, planMounts } from './mounts.ts';

function at(mounts: readonly SpecMount[], destination: string): SpecMount {
  const found = mounts.filter((mount) => mount.destination === destination);
  assert.equal(found.length, 1, `${found.length} mounts at ${destination}`);
  return found[0] as SpecMount;
}

function options(mounts: readonly SpecMount[], destination: string): string[] {
  return [...(at(mounts, destination).options ?? [])];
}

const kinds: readonly Kind[] = ['app', 'system'];

for (const kind of kinds) {
  describe(`the file systems of an ${kind} container`, () => {
    const mounts = planMounts(kind, requestWith({ kind }));

    test('come after what they lie on', () => {
      const seen: string[] = [];
      for (const { destination } of mounts) {
        const hidden = seen.filter((earlier) => earlier.startsWith(`${destination}/`));
        assert.deepEqual(hidden, [], `${destination} would hide ${hidden.join(', ')}`);
        seen.push(destination);
      }
    });

    test('are those that a process expects', () => {
      const types = Object.fromEntries(mounts.map((mount) => [mount.destination, mount.type]));
      const expected = {
        '/proc': 'proc',
        '/dev': 'tmpfs',
        '/dev/pts': 'devpts',
        '/sys': 'sysfs',
        '/dev/mqueue': 'mqueue',
        '/dev/shm': 'tmpfs',
      };
      assert.deepEqual({ ...types, ...expected }, types);
      assert.equal(types['/sys/fs/cgroup'], kind === 'app' ? 'cgroup' : 'cgroup2');
    });

    test('carry no setuid programs and no devices', () => {
      for (const destination of ['/proc', '/sys', '/sys/fs/cgroup', '/dev/mqueue', '/dev/shm']) {
        for (const option of ['nosuid', 'noexec', 'nodev'])
          assert.ok(options(mounts, destination).includes(option), `${destination} ${option}`);
      }
    });

    test('have terminals of their own', () => assert.ok(options(mounts, '/dev/pts').includes('newinstance')));

    test('have 64 MiB of shared memory unless asked otherwise', () => {
      assert.ok(options(mounts, '/dev/shm').includes('size=67108864'));
      assert.ok(options(planMounts(kind, requestWith({ kind, shmSizeBytes: 4096 })), '/dev/shm').includes('size=4096'));
    });

    test("an app has the engine's own files over /etc, a machine has its own", () => {
      const bound = mounts.filter((mount) => mount.type === 'bind').map((mount) => mount.destination);
      assert.deepEqual(bound, Object.keys(hostFilesOf(kind)));
      assert.deepEqual(bound, kind === 'app' ? ['/etc/resolv.conf', '/etc/hostname', '/etc/hosts'] : []);
    });

    test('have what was asked for as tmpfs, restricted unless said otherwise', () => {
      const asked = planMounts(kind, requestWith({ kind, tmpfs: { '/scratch': 'size=64m,exec', '/bare': '' } }));
      assert.deepEqual(at(asked, '/scratch'), {
        destination: '/scratch',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'noexec', 'nodev', 'size=64m', 'exec'],
      });
      assert.deepEqual(options(asked, '/bare'), ['nosuid', 'noexec', 'nodev']);
    });
  });
}

describe('an app', () => {
  test('sees /sys and its cgroups read-only', () => {
    const mounts = planMounts('app', requestWith());
    for (const destination of ['/sys', '/sys/fs/cgroup']) {
      assert.ok(options(mounts, destination).includes('ro') && !options(mounts, destination).includes('rw'));
    }
  });

  test('writes them when it is privileged', () => {
    const mounts = planMounts('app', requestWith({ privileged: true }));
    for (const destination of ['/sys', '/sys/fs/cgroup']) {
      assert.ok(options(mounts, destination).includes('rw') && !options(mounts, destination).includes('ro'));
    }
  });

  test('has what was asked for on /sys, and nothing of ours below it', () => {
    const own = [{ type: 'volume', source: 'v', target: '/sys', readOnly: false, shortOptions: '' }] as const;
    const places = planMounts('app', requestWith(), own).map(({ destination }) => destination);
    assert.deepEqual(
      places.filter((place) => place.startsWith('/sys')),
      ['/sys'],
    );
  });

  test("keeps its image's /run", () => assert.ok(!planMounts('app', requestWith()).some((mount) => mount.destination === '/run')));
});

describe('a machine', () => {
  const mounts = planMounts('system', requestWith({ kind: 'system' }));

  test('writes its own cgroups, below a boundary of delegation', () => {
    assert.ok(['rw', 'nsdelegate'].every((option) => options(mounts, '/sys/fs/cgroup').includes(option)));
  });

  test('finds an empty /run from which programs can be run', () => {
    assert.equal(at(mounts, '/run').type, 'tmpfs');
    assert.ok(!options(mounts, '/run').includes('noexec'));
  });

  test('sees /sys read-only, so that udev stays away', () => assert.ok(options(mounts, '/sys').includes('ro')));
});
