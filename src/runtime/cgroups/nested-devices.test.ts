import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { isErrno } from '#errors';
import { reasonToSkip } from '../testing/root.ts';
import { createCgroup, openCgroup } from './cgroup.ts';
import { readControl, writeControl } from './files.ts';
import { detectCgroupLayout, hierarchyOf } from './layout.ts';

function reason(): string | false {
  return reasonToSkip() || (hierarchyOf(detectCgroupLayout(), 'devices')?.version === 1 ? false : 'needs the devices controller of v1');
}

describe('device lists below a cgroup that lacks some, as in a container', { skip: reason() }, () => {
  const mark = `orlop-nested-devices-${process.pid}`;
  const layout = detectCgroupLayout();
  after(() => openCgroup(layout, mark).remove());
  const above = createCgroup(layout, mark).directoryOf('devices') ?? '';
  writeControl(above, 'devices.deny', 'c 10:200 rwm');
  writeControl(above, 'devices.deny', 'c 10:229 rwm');

  test('leave out what every container may use', () => {
    const cgroup = createCgroup(layout, `${mark}/usual`);
    cgroup.apply({ devices: [{ allow: false, type: 'a', access: 'rwm' }] });
    const list = readControl(cgroup.directoryOf('devices') ?? '', 'devices.list') ?? '';
    assert.ok(list.includes('c 1:3 rwm') && !list.includes('10:200') && !list.includes('a *:*'), list);
  });

  test('fail honestly where such a device was asked for', () => {
    const cgroup = createCgroup(layout, `${mark}/asked`);
    const rule = { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' } as const;
    assert.throws(
      () => cgroup.apply({ devices: [{ allow: false, type: 'a', access: 'rwm' }, rule] }),
      (error) => isErrno(error, 'EPERM'),
    );
  });
});
