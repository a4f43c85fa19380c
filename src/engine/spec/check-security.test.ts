import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSecurityModules } from '#runtime';
import { requestWith } from '../fixtures/records.ts';
import { checkSecurity } from './check-security.ts';

test('capabilities that do not exist are refused before anything is made', () => {
  checkSecurity(requestWith({ capAdd: ['NET_ADMIN', 'all'], capDrop: ['CAP_KILL'] }));
  for (const request of [{ capAdd: ['FLY'] }, { capDrop: ['FLY'] }])
    assert.throws(() => checkSecurity(requestWith(request)), { kind: 'invalid-argument', message: /FLY/ });
});

test('a profile of AppArmor needs a host that has it', () => {
  const check = () => checkSecurity(requestWith({ appArmorProfile: 'mine' }));
  if (readSecurityModules().appArmor) check();
  else assert.throws(check, { kind: 'failed-precondition', code: 'ENGINE_NO_APPARMOR', message: /AppArmor is not enabled on this host/ });
});
