import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { IntelRdt } from '#oci';
import { knownFileSystems } from '#sys';
import { findDisagreement, planIntelRdt } from '../plan/intel-rdt.ts';
import { enterIntelRdt, findResctrl, removeIntelRdt } from './intel-rdt.ts';

/** A directory tree that looks like resctrl with one pre-configured class of service; the kernel's checks are not there. */
function openFakeResctrl() {
  const root = mkdtempSync(join(tmpdir(), 'orlop-resctrl-'));
  mkdirSync(join(root, 'mon_groups'));
  mkdirSync(join(root, 'gold/mon_groups'), { recursive: true });
  writeFileSync(join(root, 'schemata'), '    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n');
  writeFileSync(join(root, 'gold/schemata'), '    L3:0=07f0;1=1f\n    MB:0=20;1=70\n');
  return {
    root,
    enter(rdt: IntelRdt, pid = 42): string[] {
      const plan = planIntelRdt(rdt, 'web');
      assert.ok(plan !== null);
      return enterIntelRdt(root, plan, pid);
    },
    read: (file: string): string => readFileSync(join(root, file), 'utf8'),
    has: (file: string): boolean => existsSync(join(root, file)),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

test('without a class of service the container gets its own, and it goes with the container', () => {
  using resctrl = openFakeResctrl();
  const made = resctrl.enter({ l3CacheSchema: 'L3:0=f', memBwSchema: 'MB:0=50', schemata: ['L2:0=3'] });
  assert.deepEqual(made, [join(resctrl.root, 'web')]);
  assert.equal(resctrl.read('web/schemata'), 'L3:0=f\nMB:0=50\nL2:0=3\n');
  assert.equal(resctrl.read('web/tasks'), '42');
  // The kernel's directories empty themselves; these do not.
  for (const file of ['schemata', 'tasks']) rmSync(join(resctrl.root, 'web', file));
  removeIntelRdt(made);
  assert.ok(!resctrl.has('web'));
  removeIntelRdt(made);
});

test('a class of service that is there must say what the spec says, and stays', () => {
  using resctrl = openFakeResctrl();
  assert.deepEqual(resctrl.enter({ closID: 'gold', schemata: ['L3:0=7f0;1=1f', 'MB:1=70'] }), []);
  assert.deepEqual(resctrl.enter({ closID: 'gold' }), []);
  assert.equal(resctrl.read('gold/tasks'), '42');
  assert.throws(() => resctrl.enter({ closID: 'gold', l3CacheSchema: 'L3:0=1' }), /does not have the schemata "L3:0=1"/);
});

test('one that is not there is made with schemata, and refused without', () => {
  using resctrl = openFakeResctrl();
  assert.deepEqual(resctrl.enter({ closID: 'new', memBwSchema: 'MB:0=10' }), []);
  assert.equal(resctrl.read('new/schemata'), 'MB:0=10\n');
  assert.throws(() => resctrl.enter({ closID: 'silver' }), /silver does not exist/);
  assert.ok(!resctrl.has('silver'));
});

test('the default class of service is the root', () => {
  using resctrl = openFakeResctrl();
  assert.deepEqual(resctrl.enter({ closID: '/' }), []);
  assert.equal(resctrl.read('tasks'), '42');
  assert.throws(() => resctrl.enter({ closID: '/', schemata: ['MB:0=5'] }), /does not have the schemata/);
});

test('monitoring has a group of its own, whichever class of service it is below', () => {
  using resctrl = openFakeResctrl();
  assert.deepEqual(resctrl.enter({ closID: 'gold', enableMonitoring: true }), [join(resctrl.root, 'gold/mon_groups/web')]);
  assert.equal(resctrl.read('gold/mon_groups/web/tasks'), '42');
  assert.deepEqual(resctrl.enter({ closID: '/', enableMonitoring: true }), [join(resctrl.root, 'mon_groups/web')]);
});

test('what cannot be meant is refused by its path', () => {
  const refused = (rdt: IntelRdt, pattern: RegExp): void => assert.throws(() => planIntelRdt(rdt, 'web'), pattern);
  for (const closID of ['a/b', '..', 'info', 'x\ny']) refused({ closID }, /linux\.intelRdt\.closID/);
  refused({ memBwSchema: 'L3:0=1' }, /memBwSchema does not begin with "MB:"/);
  refused({ l3CacheSchema: 'L3:0=1\nMB:0=1' }, /l3CacheSchema holds more than one line/);
  refused({ schemata: ['L3:0=1', 'a\nb'] }, /schemata\[1\] holds more than one line/);
  refused({ enableCMT: true }, /enableCMT is not supported/);
  assert.equal(planIntelRdt(undefined, 'web'), null);
});

test('schemata agree when each named domain does, however the mask is written', () => {
  const present = '   L3:0=000ff;1=00f\n   MB:0= 20;1=70\n';
  assert.equal(findDisagreement(['L3:0=FF', 'MB:0=20'], present), null);
  assert.equal(findDisagreement(['L3:0=ff', 'L2:0=1'], present), 'L2:0=1');
  assert.equal(findDisagreement(['L3:2=ff'], present), 'L3:2=ff');
  assert.equal(findDisagreement(['L3:0=0'], '   L3:0=0000\n'), null);
});

test('a host without resctrl says so', { skip: knownFileSystems().includes('resctrl') ? 'this kernel has resctrl' : false }, () => {
  assert.throws(() => findResctrl(), /linux\.intelRdt is not supported: this kernel or processor has no resctrl/);
});
