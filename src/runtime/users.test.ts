import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, openSync, closeSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { loadAddon } from '#sys';
import { findUser, resolveUser } from './users.ts';

const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  'web:x:33:34:Web:/srv/web:/bin/sh',
  '1000:x:55:56::/odd:',
  '',
  '#note',
  'broken:x:no:1::/:',
  'homeless:x:70:70::',
].join('\n');
const group = ['root:x:0:', 'www:x:34:', 'tty:x:5:web,other', 'audio:x:29:web', 'bad:x:zz:web'].join('\n');
const files = { passwd, group };

test('users are found as Docker finds them', () => {
  const cases: [string, ReturnType<typeof findUser>][] = [
    ['', { uid: 0, gid: 0, groups: [0], home: '/root' }],
    ['web', { uid: 33, gid: 34, groups: [34, 5, 29], home: '/srv/web' }],
    ['33', { uid: 33, gid: 34, groups: [34, 5, 29], home: '/srv/web' }],
    ['web:www', { uid: 33, gid: 34, groups: [34], home: '/srv/web' }],
    ['web:7', { uid: 33, gid: 7, groups: [7], home: '/srv/web' }],
    ['4242', { uid: 4242, gid: 0, groups: [0], home: '/' }],
    ['4242:audio', { uid: 4242, gid: 29, groups: [29], home: '/' }],
    ['1000', { uid: 55, gid: 56, groups: [56], home: '/odd' }],
    ['homeless', { uid: 70, gid: 70, groups: [70], home: '/' }],
    [':audio', { uid: 0, gid: 29, groups: [29], home: '/root' }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(findUser(text, [], files), expected, text);
});

test('added groups come by name or number, each once, behind the primary one', () => {
  assert.deepEqual(findUser('web', ['audio', '99', 'tty'], files).groups, [34, 5, 29, 99]);
});

test("who is not there is named in Docker's words", () => {
  assert.throws(() => findUser('nobody', [], files), /unable to find user nobody: no matching entries in passwd file/);
  assert.throws(() => findUser('web:nogroup', [], files), /unable to find group nogroup: no matching entries in group file/);
  assert.throws(
    () => findUser('web', ['nogroup'], files),
    (error) => isOrlopError(error, 'not-found'),
  );
  for (const text of ['2147483648', '-1', '0:-1'])
    assert.throws(() => findUser(text, [], files), /uids and gids must be in range 0-2147483647/, text);
});

test('whatever an image holds as passwd and group, ids stay in range', () => {
  const line = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(fc.nat().map(String), fc.string({ maxLength: 4 })), { maxLength: 8 }).map((fields) => fields.join(':')),
  );
  const text = fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, text, fc.string({ maxLength: 6 }), (passwdText, groupText, user) => {
      try {
        const found = findUser(user, [], { passwd: passwdText, group: groupText });
        for (const id of [found.uid, found.gid, ...found.groups]) assert.ok(Number.isInteger(id) && id >= 0 && id <= 0x7fff_ffff);
      } catch (error) {
        assert.ok(isOrlopError(error), String(error));
      }
    }),
  );
});

test("the image's files are read inside the image, wherever its links lead", (t) => {
  const root = mkdtempSync(join(tmpdir(), 'orlop-users-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'etc'));
  mkdirSync(join(root, 'etc/inside'));
  writeFileSync(join(root, 'etc/inside/passwd'), 'guest:x:5:6::/home/guest:\n');
  symlinkSync('/etc/inside/passwd', join(root, 'etc/passwd'));
  symlinkSync('../../../../../../etc/group', join(root, 'etc/group'));
  const descriptor = openSync(root, 'r');
  t.after(() => closeSync(descriptor));
  const addon = loadAddon();
  assert.deepEqual(resolveUser(addon, descriptor, 'guest'), { uid: 5, gid: 6, groups: [6], home: '/home/guest' });
  assert.throws(() => resolveUser(addon, descriptor, 'root'), /unable to find user root/);
});
