import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { openTestBundles, shell } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';

/** What scripts that were written for runc take for granted, of one version or another. */
describe("runc's habits", { skip: reasonToSkip() }, () => {
  const mark = `orlop-habits-${process.pid}`;
  const bundles = reasonToSkip() === false ? openTestBundles(mark) : (null as never);

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  function create(...wishes: Parameters<typeof bundles.make>): string {
    const { id, directory } = bundles.make(...wishes);
    const { code, err } = bundles.call(['create', '--bundle', directory, id], { detached: true });
    assert.equal(code, 0, err);
    return id;
  }

  const remove = (...ids: string[]): void => {
    for (const id of ids) assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  };

  test('containers are listed by id, with the name of their owner', () => {
    const ids = [create(), create(), create()];
    const { out } = bundles.call(['list', '--format', 'json']);
    const listed = JSON.parse(out) as { id: string; owner: string }[];
    assert.deepEqual(
      listed.map(({ id, owner }) => [id, owner]),
      ids.toSorted().map((id) => [id, 'root']),
    );
    remove(...ids);
  });

  test('without a path the cgroup has the name of the container, and one written for systemd is a name like others', () => {
    const place = detectCgroupLayout().hierarchies[0]?.mountPoint ?? '';
    const plain = create({ linux: { cgroupsPath: '' } });
    assert.ok(existsSync(join(place, plain)));
    remove(plain);
    assert.ok(!existsSync(join(place, plain)));
    const odd = create({ linux: { cgroupsPath: `/${mark}/a:b:c` } });
    assert.ok(existsSync(join(place, mark, 'a:b:c')));
    remove(odd);
    const odder = create({ linux: { cgroupsPath: `${mark}:b:c` } });
    assert.ok(existsSync(join(place, `${mark}:b:c`)));
    remove(odder);
  });

  test('ids that the spec leaves out are 0, and an empty HOME is looked up', () => {
    const env = ['PATH=/bin', 'HOME=/override', 'HOME='];
    mkdirSync(join(bundles.home.root, 'etc'));
    writeFileSync(join(bundles.home.root, 'etc/passwd'), 'root:x:0:0:root:/home/of/root:/bin/sh\n');
    const { out } = bundles.run({ process: { ...shell('echo $(stat -c "%u %g" /proc/self) $HOME'), user: { uid: 0 } as never, env } });
    assert.equal(out, '0 0 /home/of/root\n');
  });

  test('a cgroup of an exec that lies outside is refused in the words of either runc', () => {
    const id = create();
    const { code, err } = bundles.call(['exec', '--cgroup', '..', id, 'true']);
    assert.deepEqual([code, /bad sub cgroup path: .*\.\. is not a sub cgroup path/.test(err)], [255, true], err);
    remove(id);
  });
});
