import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { IdMapping, Linux } from '#oci';
import { namespaceId } from '#sys';
import { openTestBundles, type Outcome, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';
import { exampleSpec } from './commands/spec.ts';

describe('containers in namespaces that were there before', { skip: reasonToSkip() }, () => {
  const bundles = reasonToSkip() === false ? openTestBundles(`orlop-shared-ns-${process.pid}`) : (null as never);
  const none: Linux = { namespaces: [{ type: 'ipc' }, { type: 'uts' }], maskedPaths: [], readonlyPaths: [] };

  const created: string[] = [];

  after(async () => {
    for (const id of created) bundles.call(['delete', '--force', id]);
    assert.deepEqual(await bundles.close(), []);
  });

  function create(linux: Linux, script: string, root = bundles.home.root): { id: string; directory: string; pid: number } {
    const made = bundles.make({ process: shell(script), linux, rest: { root: { path: root } } });
    const { code, err } = bundles.call(['create', '--bundle', made.directory, made.id], { detached: true });
    assert.equal(code, 0, err);
    created.push(made.id);
    const { pid } = JSON.parse(bundles.call(['state', made.id]).out) as { pid: number };
    return { ...made, pid };
  }

  /** Where something is mounted at this place or below it on the host, as often as it is. */
  function mountsBelow(place: string): string[] {
    const points = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '');
    return points.filter((point) => point === place || point.startsWith(`${place}/`));
  }

  test('one that asks for no mount namespace is in ours, sees its own root, and takes its mounts along when it is deleted', () => {
    const { root } = bundles.home;
    const { id, directory } = bundles.make({
      process: shell('ls /; readlink /proc/self/ns/mnt; grep -c " /proc " /proc/self/mountinfo'),
      linux: none,
    });
    const { code, out, err } = bundles.call(['run', '--bundle', directory, id]);
    assert.equal(code, 0, err);
    assert.match(
      out,
      new RegExp(`^bin\\n(?:\\w+\\n)*proc\\n(?:\\w+\\n)*${readlinkSync('/proc/self/ns/mnt').replace(/[[\]]/g, '\\$&')}\\n`),
    );
    assert.deepEqual(mountsBelow(root), []);
  });

  test('what its caller has mounted there stays, also when somebody else has taken the root off', () => {
    const place = join(bundles.home.directory, 'mounted-root');
    mkdirSync(place);
    bundles.mount(['--bind', bundles.home.root], place);
    const { id, pid } = create(none, 'sleep 100', place);
    assert.equal(namespaceId(pid, 'mnt'), namespaceId('self', 'mnt'));
    assert.equal(mountsBelow(place).filter((point) => point === place).length, 2);
    bundles.umount(place);
    assert.deepEqual(bundles.call(['delete', '--force', id]).code, 0);
    assert.deepEqual(mountsBelow(place), [place]);
  });

  test('a creation that fails on its way leaves no mount', () => {
    const { root } = bundles.home;
    const { code, err } = bundles.run({
      process: shell('true'),
      linux: none,
      rest: {
        mounts: [
          { destination: '/proc', type: 'proc' },
          { destination: '/tmp', type: 'nothing-like-it' },
        ],
      },
    });
    assert.equal(code, 1);
    assert.match(err, /nothing-like-it/);
    assert.deepEqual(mountsBelow(root), []);
  });

  test('exec is refused there, because it would run in the root of the host', () => {
    const { id } = create(none, 'sleep 100');
    bundles.call(['start', id]);
    const { code, err } = bundles.call(['exec', id, 'true']);
    assert.deepEqual([code, /has no mount namespace/.test(err)], [255, true], err);
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  });

  test('a joined user namespace has the map that it has: another one is refused, the same one is fine', () => {
    for (const name of ['proc', 'sys', 'dev']) mkdirSync(join(bundles.home.root, name), { recursive: true });
    const map = (hostID: number): { uidMappings: IdMapping[]; gidMappings: IdMapping[] } => {
      const row = [{ containerID: 0, hostID, size: 1000 }];
      return { uidMappings: row, gidMappings: row };
    };
    const usual = exampleSpec().linux?.namespaces ?? [];
    const { id, pid } = create({ namespaces: [...usual, { type: 'user' }], ...map(500_000) }, 'true');
    const namespaces = [...usual, { type: 'user', path: `/proc/${pid}/ns/user` } as const];
    const runWith = (stated: Linux): Outcome => bundles.run({ process: shell('cat /proc/self/uid_map'), linux: { namespaces, ...stated } });
    for (const stated of [{}, map(500_000)]) assert.match(runWith(stated).out, /^\s*0\s+500000\s+1000$/m);
    const { code, err } = runWith(map(600_000));
    assert.deepEqual([code, /both namespace path and non-matching mapping specified/.test(err)], [1, true], err);
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  });

  test('a joined one gets the root of the container; to join the own one is refused', async () => {
    const holder = spawn('unshare', ['--mount', 'sh', '-c', 'echo there; exec sleep 100'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await once(holder.stdout, 'data');
      const { id, pid } = create({ ...none, namespaces: [{ type: 'uts' }, { type: 'mount', path: `/proc/${holder.pid}/ns/mnt` }] }, 'true');
      assert.equal(namespaceId(pid, 'mnt'), namespaceId(holder.pid ?? 0, 'mnt'));
      assert.deepEqual(mountsBelow(bundles.home.root), []);
      assert.equal(bundles.call(['delete', '--force', id]).code, 0);
    } finally {
      holder.kill('SIGKILL');
    }
    const { code, err } = bundles.run({ linux: { ...none, namespaces: [{ type: 'uts' }, { type: 'mount', path: '/proc/self/ns/mnt' }] } });
    assert.deepEqual([code, /is the host's own mount namespace/.test(err)], [1, true], err);
  });
});
