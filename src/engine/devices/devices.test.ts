import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadAddon, S_IFCHR } from '#sys';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import { assertNothingLeft } from '../fixtures/traces.ts';
import type { CreateRequest } from '../model.ts';

/** One that does nothing without being attached to a file system, and that no container has by itself. */
const fuse = { major: 10, minor: 229 };

describe('devices', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), 'orlop-devices-'));
  const node = join(root, 'node');
  const cdi = join(root, 'cdi');
  let host: TestEngine;
  before(async () => {
    const addon = loadAddon();
    mkdirSync(join(root, 'many', 'below'), { recursive: true });
    mkdirSync(cdi);
    for (const path of [node, join(root, 'many', 'a'), join(root, 'many', 'below', 'b')]) {
      addon.mknodat(-100, path, S_IFCHR | 0o600, fuse.major, fuse.minor);
      addon.fchownat(-100, path, 0, 44, 0);
      addon.fchmodat(-100, path, 0o640, 0);
    }
    writeFileSync(join(root, 'many', 'file'), 'no device');
    symlinkSync(node, join(root, 'link'));
    symlinkSync('/etc/passwd', join(root, 'elsewhere'));
    writeFileSync(join(root, 'library'), 'content');
    host = await openTestEngine({ cdiDirectories: [cdi] });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
    rmSync(root, { recursive: true });
  });

  async function say(script: string, request: Partial<CreateRequest>): Promise<string> {
    const id = await host.run(['sh', '-c', script], request);
    await host.exitCode(id);
    const said = await host.output(id);
    await host.engine.containers.remove(id, {});
    return said;
  }
  const wish = (source: string, target: string, permissions = 'rwm') => ({ devices: [{ source, target, permissions }] });
  const facts = (path: string): string => `stat -c "%F %a %u:%g %t:%T" ${path}`;
  /** Opening says which numbers the cgroup lets through, reading that the device itself answers. */
  const open = (path: string): string => `(exec 3<${path}) 2>&1 | grep -o "not permitted\\|Permission denied" || echo opened`;

  for (const [what, request] of [
    ['ids of its own', {}],
    ['the host’s ids', { userNamespace: 'host' }],
  ] as const) {
    test(`are there as on the host, and can be opened, in a container with ${what}`, async () => {
      const said = await say(`${facts('/dev/mine')}; ${open('/dev/mine')}`, { ...request, ...wish(node, '/dev/mine') });
      assert.equal(said, 'character special file 640 0:44 a:e5\nopened\n');
    });

    test(`can only be used as far as was allowed, in a container with ${what}`, async () => {
      assert.equal(await say(open('/dev/mine'), { ...request, ...wish(node, '/dev/mine', 'w') }), 'not permitted\n');
    });
  }

  test('are no way into the host for who is not root in the container', async () => {
    assert.equal(await say(open('/dev/mine'), { ...wish(node, '/dev/mine'), user: '1000' }), 'Permission denied\n');
    assert.equal(await say(open('/dev/mine'), { ...wish(node, '/dev/mine'), user: '1000', groupAdd: ['44'] }), 'opened\n');
  });

  test('can lie anywhere, and come as directories or behind links', async () => {
    assert.match(await say(facts('/opt/deep/x'), wish(join(root, 'link'), '/opt/deep/x')), /^character special file/);
    assert.equal(await say('cd /dev/many; find . -type c | sort; ls', wish(join(root, 'many'), '/dev/many')), './a\n./below/b\na\nbelow\n');
  });

  test('that the host does not have are refused in Docker’s words, and nothing else of the host comes in their place', async () => {
    for (const [name, why] of [
      ['absent', 'no such file or directory'],
      ['library', 'not a device node'],
      ['elsewhere', 'not a device node'],
      ['cdi', 'not a device node'],
    ] as const) {
      const id = await host.create(['true'], wish(join(root, name), '/dev/mine'));
      const message = `error gathering device information while adding custom device "${join(root, name)}": ${why}`;
      await assert.rejects(host.engine.containers.start(id), { kind: 'invalid-argument', message });
      await host.engine.containers.remove(id, {});
    }
  });

  test('by number let through what is there, and no more', async () => {
    const mounts = [{ type: 'bind', source: node, target: '/dev/mine' }] as const;
    const rule = (text: string): Partial<CreateRequest> => ({ mounts, deviceRules: [text] });
    assert.equal(await say(open('/dev/mine'), rule('c 10:* rwm')), 'opened\n');
    assert.equal(await say(open('/dev/mine'), rule('c 9:* rwm')), 'not permitted\n');
  });

  test('that lie in what is mounted, or in the image, are not opened without being asked for', async () => {
    const mounts = [{ type: 'bind', source: root, target: '/mine' }] as const;
    assert.equal(
      await say(`${open('/mine/node')}; ${facts('/mine/node')}`, { mounts }),
      'not permitted\ncharacter special file 640 0:44 a:e5\n',
    );
    assert.equal(await say(open('/mine/node'), { mounts, userNamespace: 'host' }), 'not permitted\n');
    assert.equal(await say(open('/mine/node'), { mounts, privileged: true }), 'opened\n');
    const id = await host.create(['sh', '-c', open('/evil')]);
    const upper = join(host.dataRoot, 'containers', id, 'upper', 'evil');
    loadAddon().mknodat(-100, upper, S_IFCHR | 0o666, fuse.major, fuse.minor);
    await host.engine.containers.start(id);
    await host.exitCode(id);
    assert.equal(await host.output(id), 'not permitted\n');
    await host.engine.containers.remove(id, {});
  });

  test('are made anew at each start, and gone with the container', async () => {
    const id = await host.create(['true'], wish(node, '/dev/mine'));
    for (const _ of [1, 2]) {
      await host.engine.containers.start(id);
      assert.equal(await host.exitCode(id), 0);
    }
    const made = join(host.dataRoot, 'containers', id, 'devices', '0');
    assert.equal(statSync(made).uid, 0);
    await host.engine.containers.remove(id, {});
    assert.throws(() => statSync(made), { code: 'ENOENT' });
  });

  test('that are described bring variables, nodes, files and groups', async () => {
    const edits = {
      env: ['WITH=device', 'HOME=/other'],
      deviceNodes: [{ path: '/dev/described', hostPath: node, permissions: 'rw' }],
      mounts: [{ hostPath: join(root, 'library'), containerPath: '/usr/lib/library', options: ['ro', 'nosuid', 'nodev', 'bind'] }],
      additionalGids: [77],
    };
    writeFileSync(
      join(cdi, 'good.json'),
      JSON.stringify({ cdiVersion: '0.8.0', kind: 'v.com/net', devices: [{ name: 'a', containerEdits: edits }] }),
    );
    const request = { deviceRequests: [{ driver: 'cdi', count: 0, ids: ['v.com/net=a'], capabilities: [], options: {} }] };
    const script = `echo $WITH $HOME; ${facts('/dev/described')}; cat /usr/lib/library; echo; id -G`;
    assert.equal(await say(script, request), 'device /other\ncharacter special file 640 0:44 a:e5\ncontent\n0 77\n');
    assert.equal(await say('touch /usr/lib/library 2>&1 | grep -o Read-only', request), 'Read-only\n');
  });

  test('whose numbers are not those of their description are refused', async () => {
    const edits = { deviceNodes: [{ path: node, major: 8, minor: 0 }] };
    writeFileSync(
      join(cdi, 'false.json'),
      JSON.stringify({ cdiVersion: '0.8.0', kind: 'v.com/disk', devices: [{ name: 'a', containerEdits: edits }] }),
    );
    const id = await host.create(['true'], {
      deviceRequests: [{ driver: 'cdi', count: 0, ids: ['v.com/disk=a'], capabilities: [], options: {} }],
    });
    await assert.rejects(host.engine.containers.start(id), { message: /its numbers are 10:229 and not 8:0/ });
    await host.engine.containers.remove(id, {});
  });
});
