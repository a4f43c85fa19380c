import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createCgroup } from '../cgroups/cgroup.ts';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { openTestBundles, type TestBundles } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';

describe('cgroups that a container cannot have', { skip: reasonToSkip() }, () => {
  const mark = `orlop-refused-${process.pid}`;
  const bundles: TestBundles = reasonToSkip() === false ? openTestBundles(mark) : (null as never);

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  test('one that holds processes', () => {
    const linux = { cgroupsPath: `/${mark}/shared` };
    const first = bundles.make({ process: { args: ['sleep', '1000'] }, linux });
    assert.equal(bundles.call(['run', '--detach', '--bundle', first.directory, first.id], { detached: true }).code, 0);
    const { code, err } = bundles.run({ linux });
    assert.equal(code, 1);
    assert.match(err, /msg="runc run failed: container's cgroup is not empty: 1 process\(es\) found"/);
    assert.equal(bundles.call(['delete', '--force', first.id]).code, 0);
  });

  test('one that is frozen', async () => {
    const cgroup = createCgroup(detectCgroupLayout(), `${mark}/frozen`);
    await cgroup.freeze();
    const { id, directory } = bundles.make({ linux: { cgroupsPath: `/${mark}/frozen` } });
    const { code, err } = bundles.call(['create', '--bundle', directory, id]);
    await cgroup.thaw();
    assert.equal(code, 1);
    assert.match(err, /msg="runc create failed: container's cgroup unexpectedly frozen"/);
  });

  test("one with cgroup2's own settings where a host has v1", {
    skip: detectCgroupLayout().mode === 'v2' && 'a host of cgroup2 alone',
  }, () => {
    const { code, err } = bundles.run({ linux: { resources: { unified: { 'memory.min': '131072' } } } });
    assert.equal(code, 1);
    assert.match(err, /invalid configuration: cannot use unified on cgroup v1/);
  });
});
