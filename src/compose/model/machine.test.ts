import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machineOf } from './machine.ts';

const of = (wish: unknown) => machineOf('m', { extensions: { 'x-orlop': wish } });

test('a service without x-orlop, or of kind app, is no machine', () => {
  assert.equal(machineOf('m', {}), null);
  assert.equal(of({ kind: 'app' }), null);
  assert.equal(of({}), null);
});

test('template, settings and cloud-init are read, mappings as their text', () => {
  const machine = of({
    kind: 'system',
    template: 'debian/trixie/systemd',
    settings: { 'limits.cpu': 2, 'boot.autostart': true },
    'cloud-init': { 'user-data': { hostname: 'm' }, 'meta-data': 'instance-id: 1\n' },
  });
  assert.deepEqual(machine, {
    template: 'debian/trixie/systemd',
    settings: {
      'limits.cpu': '2',
      'boot.autostart': 'true',
      'cloud-init.user-data': '#cloud-config\n{"hostname":"m"}\n',
      'cloud-init.meta-data': 'instance-id: 1\n',
    },
  });
});

for (const [what, wish, message] of [
  ['another kind', { kind: 'vm' }, /x-orlop\.kind must be app or system/],
  ['a key that is not known', { kind: 'system', memory: 1 }, /x-orlop\.memory is not known/],
  ['a template of an app container', { template: 'busybox' }, /only machines/],
  ['data that cloud-init does not have', { kind: 'system', 'cloud-init': { vendor: '' } }, /cloud-init\.vendor is not known/],
  ['a setting with members', { kind: 'system', settings: { limits: { cpu: 1 } } }, /settings\.limits must be/],
  ['a list', [], /must be a mapping/],
] as const)
  test(`${what} is refused by name`, () => assert.throws(() => of(wish), { kind: 'invalid-argument', message }));
