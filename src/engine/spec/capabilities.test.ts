import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { allCapabilities, defaultCapabilities } from '#runtime';
import { capabilitiesOf } from './capabilities.ts';

const base = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW'];
const allBut = (...names: string[]): string[] => allCapabilities.filter((name) => !names.includes(name));

describe('capabilities', () => {
  const cases: readonly [what: string, add: string[], drop: string[], held: readonly string[]][] = [
    ['nothing asked: the base', [], [], base],
    ['one more', ['CAP_NET_ADMIN'], [], ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_NET_RAW']],
    ['one that is there already', ['KILL', 'kill'], [], base],
    ['without CAP_, in any case', ['net_admin'], ['Cap_Kill'], ['CAP_CHOWN', 'CAP_NET_ADMIN', 'CAP_NET_RAW']],
    ['one less', [], ['NET_RAW'], ['CAP_CHOWN', 'CAP_KILL']],
    ['one less that was not there', [], ['SYS_ADMIN'], base],
    ['all', ['ALL'], [], allCapabilities],
    ['all but some', ['ALL'], ['SYS_ADMIN', 'SYS_MODULE'], allBut('CAP_SYS_ADMIN', 'CAP_SYS_MODULE')],
    ['none', [], ['ALL'], []],
    ['none but some', ['NET_BIND_SERVICE'], ['all'], ['CAP_NET_BIND_SERVICE']],
  ];
  for (const [what, add, drop, held] of cases) test(what, () => assert.deepEqual(capabilitiesOf(base, add, drop), held));

  for (const name of ['', 'CAP_', 'CAP_CAP_KILL', 'CAP_FLY', 'KILL ', '__proto__']) {
    test(`${JSON.stringify(name)} is none, to add or to drop, and named`, () => {
      const whole = name.toUpperCase().startsWith('CAP_') ? name : `CAP_${name}`.toUpperCase();
      const kind = 'invalid-argument';
      assert.throws(() => capabilitiesOf(base, [name], []), { kind, message: `invalid CapAdd: unknown capability: "${whole}"` });
      assert.throws(() => capabilitiesOf(base, [], ['ALL', name]), { kind, message: `invalid CapDrop: unknown capability: "${whole}"` });
    });
  }

  test('every capability that Docker leaves to an app exists', () => {
    assert.deepEqual(capabilitiesOf(defaultCapabilities, [], []), [...defaultCapabilities]);
  });
});
