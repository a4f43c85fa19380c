import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { isOrlopError } from '#errors';
import { openTestEngine, whyNoEngine } from '../fixtures/test-engine.ts';
import { reportMounts, staleReports, wantsReports } from './reports.ts';

describe('who is shown its limits', () => {
  const cases = [
    ['system', undefined, 'if-possible'],
    ['system', 'true', 'yes'],
    ['system', 'false', 'no'],
    ['app', undefined, 'no'],
    ['app', 'true', 'yes'],
  ] as const;
  for (const [kind, setting, expected] of cases) {
    it(`is ${expected} for kind ${kind} with limits.visible ${setting ?? 'not set'}`, () => {
      const settings = setting === undefined ? {} : { settings: { 'limits.visible': setting } };
      assert.equal(wantsReports({ kind, request: { kind, image: '', ...settings } }), expected);
    });
  }
});

describe('reports of a running container', () => {
  const mount = (mountPoint: string, minor: number, fstype = 'fuse.lxcfs') => ({ mountPoint, fstype, major: 0, minor });

  it('are stale when another lxcfs runs, or none', () => {
    const mounts = [mount('/proc/meminfo', 7), mount('/proc/stat', 8)];
    assert.deepEqual(staleReports(mounts, '0:8'), ['/proc/meminfo']);
    assert.deepEqual(staleReports(mounts, null), ['/proc/meminfo', '/proc/stat']);
  });

  it('are those that lxcfs has, at their places: what a machine mounts elsewhere is its own', () => {
    assert.deepEqual(staleReports([mount('/var/lib/lxcfs', 7), mount('/proc/meminfo', 7, 'fuse.other')], null), []);
  });

  it('are bound', () => {
    assert.deepEqual(reportMounts(['/proc/stat']), [{ destination: '/proc/stat', type: 'bind', source: '/proc/stat', options: ['bind'] }]);
  });
});

test('without lxcfs the doctor says how to get it, machines start, and who insists is refused', { skip: whyNoEngine() }, async () => {
  await using one = await openTestEngine();
  const finding = (await one.engine.doctor()).find(({ name }) => name === 'lxcfs');
  assert.equal(finding?.state, 'warn');
  assert.match(finding.advice ?? '', /install the package lxcfs/);
  const machine = await one.create(['sleep', '60'], { kind: 'system' });
  await one.engine.containers.start(machine);
  const insists = await one.create(['true'], { settings: { 'limits.visible': 'true' } });
  await assert.rejects(one.engine.containers.start(insists), (error) => isOrlopError(error) && error.code === 'ENGINE_NO_LXCFS');
});
