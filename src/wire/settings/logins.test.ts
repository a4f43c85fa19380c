import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalSetting } from './keys.ts';

const ed25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0rlop me@there';

test('public keys are taken as authorized_keys has them, without comments', () => {
  const text = `# mine\r\n\n  ${ed25519}\nfrom="10.0.0.0/8",no-pty ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\n`;
  assert.equal(canonicalSetting('ssh.keys', text), `${ed25519}\nfrom="10.0.0.0/8",no-pty ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB`);
  assert.equal(canonicalSetting('ssh.keys.alice', ed25519), ed25519);
});

test('what is none is refused, a private key without repeating it', () => {
  for (const text of ['', 'hello', 'ssh-ed25519', `${ed25519}\nnonsense`, `${ed25519}\u0007`])
    assert.throws(() => canonicalSetting('ssh.keys', text), { code: 'SETTING_VALUE' }, text);
  assert.throws(
    () => canonicalSetting('ssh.keys', '-----BEGIN OPENSSH PRIVATE KEY-----\nhush\n'),
    (error: Error) => !error.message.includes('hush'),
  );
  assert.throws(() => canonicalSetting('ssh.keys.a/b', ed25519), { code: 'SETTING_VALUE' });
});

test('a zone is a name below zoneinfo and nothing that leads out of it', () => {
  for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+3'])
    assert.equal(canonicalSetting('timezone', ` ${zone} `), zone);
  for (const zone of ['', '/etc/passwd', '../x', 'Europe/../../x', 'a b', 'Europe//Berlin', 'Europe/'])
    assert.throws(() => canonicalSetting('timezone', zone), { code: 'SETTING_VALUE' }, zone);
});
