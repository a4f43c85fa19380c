import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  chownSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { loadAddon } from '#sys';
import { recordWith, requestWith } from '../fixtures/records.ts';
import type { ContainerRoot } from '../files/root.ts';
import { applyGuestFiles, hasOwnLogins, loginKeysOf } from './guest-files.ts';
import { withKeys } from './ssh-keys.ts';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB one@there';
const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID two@there';
const machine = (settings: Record<string, string>) =>
  recordWith({ name: 'box', kind: 'system', request: requestWith({ kind: 'system', settings }) });

test('keys stand between two lines of their own, and what people wrote around them stays', () => {
  const mine = 'ssh-rsa AAAA mine\n# note';
  const with1 = withKeys(mine, [key]);
  assert.ok(with1.startsWith(`${mine}\n# begin`) && with1.includes(`\n${key}\n# end`));
  assert.equal(withKeys(with1, [key]), with1);
  const with2 = withKeys(`${with1}# after\n`, [other]);
  assert.ok(!with2.includes(key) && with2.includes(other) && with2.includes('# after'));
  assert.equal(withKeys(with1, []), `${mine}\n`);
  assert.equal(withKeys('', []), '');
  const unended = `a\n${with1.split('\n').find((line) => line.startsWith('# begin')) ?? ''}\nb\n`;
  assert.equal(withKeys(unended, []), unended);
});

test('settings name root by none, and others by their names', () => {
  assert.deepEqual(
    loginKeysOf(machine({ 'ssh.keys': `${key}\n${other}`, 'ssh.keys.root': key, 'ssh.keys.alice': other, timezone: 'UTC' })),
    {
      root: [key, other, key],
      alice: [other],
    },
  );
});

describe('files that settings put into a root', { skip: process.getuid?.() === 0 ? false : 'needs root: owners are set' }, () => {
  const addon = loadAddon();
  let directory = '';
  let root: ContainerRoot;
  const at = (...parts: string[]): string => join(directory, ...parts);
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'orlop-guest-'));
    for (const path of ['etc', 'root', 'home/alice', 'usr/share/zoneinfo/Europe']) mkdirSync(at(path), { recursive: true });
    writeFileSync(at('etc/passwd'), 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nbin:x:2:2::/nowhere:\n');
    writeFileSync(at('usr/share/zoneinfo/Europe/Berlin'), 'TZif2');
    chownSync(at('home/alice'), 1000, 1000);
    const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    root = { descriptor, first: 0, count: 2 ** 32 - 1, [Symbol.dispose]: () => closeSync(descriptor) };
  });
  afterEach(() => {
    root[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  });
  const apply = (settings: Record<string, string>): Promise<void> => applyGuestFiles(addon, root, machine(settings));

  test('keys are as sshd wants them, and go when the setting has gone, whoever had them', async () => {
    await apply({ 'ssh.keys': key, 'ssh.keys.alice': other });
    assert.match(readFileSync(at('root/.ssh/authorized_keys'), 'utf8'), new RegExp(key));
    const [ssh, file] = [lstatSync(at('home/alice/.ssh')), lstatSync(at('home/alice/.ssh/authorized_keys'))];
    assert.deepEqual([ssh.uid, ssh.gid, ssh.mode & 0o7777, file.uid, file.mode & 0o7777], [1000, 1000, 0o700, 1000, 0o600]);
    await apply({});
    for (const home of ['root', 'home/alice']) assert.equal(readFileSync(at(home, '.ssh/authorized_keys'), 'utf8'), '');
  });

  test("no link of a user's leads anybody's keys elsewhere", async () => {
    mkdirSync(at('etc/cron.d'));
    symlinkSync('/etc/cron.d', at('home/alice/.ssh'));
    await assert.rejects(apply({ 'ssh.keys.alice': key }), { code: 'ENGINE_SSH_KEYS' });
    assert.equal(existsSync(at('etc/cron.d/authorized_keys')), false);
    rmSync(at('home/alice/.ssh'));
    mkdirSync(at('home/alice/.ssh'));
    chownSync(at('home/alice/.ssh'), 1000, 1000);
    writeFileSync(at('etc/shadow'), 'secret', { mode: 0o600 });
    symlinkSync('/etc/shadow', at('home/alice/.ssh/authorized_keys'));
    await assert.rejects(apply({ 'ssh.keys.alice': key }), { code: 'ENGINE_SSH_KEYS' });
    await apply({});
    assert.equal(readFileSync(at('etc/shadow'), 'utf8'), 'secret');
    chownSync(at('home/alice/.ssh'), 77, 77);
    rmSync(at('home/alice/.ssh/authorized_keys'));
    await assert.rejects(apply({ 'ssh.keys.alice': key }), { code: 'ENGINE_SSH_KEYS' });
  });

  test('a user that is not there, and a home that is mounted, are refused by name', async () => {
    await assert.rejects(apply({ 'ssh.keys.nemo': key }), { message: /ssh\.keys\.nemo cannot be put into box: it has no such user/ });
    await assert.rejects(apply({ 'ssh.keys.bin': key }), { message: /home \/nowhere is not there/ });
  });

  test('keys that a profile has for users who are not there wait for them', async () => {
    const settings = { 'ssh.keys.nemo': key };
    const record = { ...machine(settings), inherited: { 'ssh.keys.nemo': { profile: 'all', value: key } } };
    assert.deepEqual([hasOwnLogins(record), hasOwnLogins(machine(settings))], [false, true]);
    await applyGuestFiles(addon, root, record);
    writeFileSync(at('etc/passwd'), 'nemo:x:1000:1000::/home/alice:/bin/sh\n');
    await applyGuestFiles(addon, root, record);
    assert.match(readFileSync(at('home/alice/.ssh/authorized_keys'), 'utf8'), new RegExp(key));
  });

  test("a time zone is a link to the container's own file, else the host's file, and is replaced whole", async () => {
    await apply({ timezone: 'Europe/Berlin' });
    assert.equal(readlinkSync(at('etc/localtime')), '../usr/share/zoneinfo/Europe/Berlin');
    assert.equal(readFileSync(at('etc/timezone'), 'utf8'), 'Europe/Berlin\n');
    if (existsSync('/usr/share/zoneinfo/Asia/Tokyo')) {
      await apply({ timezone: 'Asia/Tokyo' });
      assert.deepEqual(readFileSync(at('etc/localtime')), readFileSync('/usr/share/zoneinfo/Asia/Tokyo'));
    }
    await assert.rejects(apply({ timezone: 'Moon/Tranquility' }), { code: 'ENGINE_NO_ZONE' });
    assert.equal(lstatSync(at('etc/timezone')).mode & 0o777, 0o644);
  });
});
