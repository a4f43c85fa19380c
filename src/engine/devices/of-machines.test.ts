import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { openTestEngine, whyNoEngine } from '../fixtures/test-engine.ts';

test('a machine has what mounts file systems of programs and makes tunnels, and an app has not', {
  skip: whyNoEngine() || (existsSync('/dev/fuse') ? false : 'this host has no /dev/fuse'),
}, async () => {
  await using one = await openTestEngine();
  const script = '(stat -c "%F %a %u:%g %t:%T" /dev/fuse && exec 3<>/dev/fuse && echo opened) 2>&1';
  const say = async (kind: 'app' | 'system'): Promise<string> => {
    const id = await one.run(['sh', '-c', script], { kind });
    await one.exitCode(id);
    return (await one.output(id)).replaceAll('\r', '');
  };
  assert.equal(await say('system'), 'character special file 666 0:0 a:e5\nopened\n');
  assert.match(await say('app'), /No such file/);
});

test('a container can have several ranges of user ids, and what belongs to the later ones is its own', {
  skip: whyNoEngine(),
}, async () => {
  await using one = await openTestEngine();
  const settings = { 'security.idmap.size': '200000' };
  const id = await one.run(['sh', '-c', 'cat /proc/self/uid_map; touch /f && chown 150000:180000 /f && stat -c %u:%g /f'], { settings });
  await one.exitCode(id);
  const [map = '', owners] = (await one.output(id)).split('\n');
  assert.match(map, /^\s+0\s+\d+\s+262144$/);
  assert.equal(owners, '150000:180000');
  await assert.rejects(one.create(['true'], { settings, userNamespace: 'host' }), (error) => isOrlopError(error, 'invalid-argument'));
});
