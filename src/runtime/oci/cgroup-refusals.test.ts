import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { LinuxResources } from '#oci';
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

  test('one whose limits the kernel does not take, in the words of runc', {
    skip: detectCgroupLayout().mode === 'v2' && 'a host of cgroup2 alone',
  }, () => {
    const refused = (resources: LinuxResources): string =>
      JSON.parse(/msg=(".*")/.exec(bundles.run({ linux: { resources } }).err)?.[1] ?? '""');
    const prefix = 'runc run failed: unable to start container process: unable to apply cgroup configuration: ';
    assert.equal(refused({ cpu: { shares: 1 } }), `${prefix}the minimum allowed cpu-shares is 2`);
    assert.equal(refused({ memory: { swappiness: 101 } }), `${prefix}invalid memory swappiness value: 101 (valid range is 0-100)`);
    assert.match(
      refused({ blockIO: { throttleReadBpsDevice: [{ major: 99, minor: 0, rate: 102_400 }] } }),
      /: failed to write "99:0 102400": write \S*blkio\.throttle\.read_bps_device: no such device$/,
    );
  });

  test("one with cgroup2's own settings where a host has v1", {
    skip: detectCgroupLayout().mode === 'v2' && 'a host of cgroup2 alone',
  }, () => {
    const { code, err } = bundles.run({ linux: { resources: { unified: { 'memory.min': '131072' } } } });
    assert.equal(code, 1);
    assert.match(err, /invalid configuration: cannot use unified on cgroup v1/);
  });
});
