import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const image = 'busybox';

describe('names of containers', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const inside = (name: string, ...command: string[]): Promise<string> => engine.must('exec', name, ...command);
  /** The addresses that a container finds for a name, with the resolver that its own files name. */
  const lookUp = async (asker: string, name: string): Promise<string[]> => {
    const { stdout } = await engine.orlop('exec', asker, 'nslookup', '-type=a', name);
    return [...stdout.matchAll(/^Address(?: \d+)?: ([\d.]+)$/gm)].map((match) => match[1] ?? '');
  };
  const addressOf = (name: string, network = 'back'): Promise<string> =>
    engine.must('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name);
  const run = (name: string, ...flags: string[]): Promise<string> =>
    engine.must('run', '-d', '--name', name, ...flags, image, 'sleep', '1000');

  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', image);
    await engine.must('network', 'create', 'back');
    await run('db', '--network', 'back', '--network-alias', 'store');
    await run('web', '--network', 'back', '--network-alias', 'store');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('are found in a network of their own: name, alias and short id', async () => {
    const address = await addressOf('db');
    const id = await engine.must('inspect', '-f', '{{.Id}}', 'db');
    for (const name of ['db', 'DB', 'db.back', id.slice(0, 12)]) assert.deepEqual(await lookUp('web', name), [address], name);
    assert.deepEqual(new Set(await lookUp('db', 'store')), new Set([address, await addressOf('web')]));
    assert.match(await inside('web', 'nslookup', address), /name = db\.back/);
    assert.match(await inside('web', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m);
  });

  test('cost a container on the default bridge nothing, which has none', async () => {
    await run('plain');
    assert.doesNotMatch(await inside('plain', 'cat', '/proc/net/udp', '/proc/net/tcp'), /0B00007F:/);
    assert.doesNotMatch(await inside('plain', 'cat', '/etc/resolv.conf'), /127\.0\.0\.11/);
  });

  test('come and go with the networks of a running container, and so do its own lines in /etc/hosts', async () => {
    await inside('plain', 'sh', '-c', 'echo 10.1.1.1 printer >> /etc/hosts');
    await engine.must('network', 'connect', 'back', 'plain');
    assert.deepEqual(await lookUp('plain', 'db'), [await addressOf('db')]);
    assert.deepEqual(await lookUp('db', 'plain'), [await addressOf('plain')]);
    const hosts = await inside('plain', 'cat', '/etc/hosts');
    assert.ok(hosts.includes(`${await addressOf('plain')}\t`) && hosts.includes('10.1.1.1 printer'), hosts);
    const left = await addressOf('plain');
    await engine.must('network', 'disconnect', 'back', 'plain');
    assert.deepEqual(await lookUp('db', 'plain'), []);
    const after = await inside('plain', 'cat', '/etc/hosts', '/etc/resolv.conf');
    assert.ok(!after.includes(left) && !after.includes('127.0.0.11') && after.includes('10.1.1.1 printer'), after);
  });

  test('follow a new name', async () => {
    await engine.must('rename', 'db', 'base');
    assert.deepEqual(await lookUp('web', 'base'), [await addressOf('base')]);
    assert.deepEqual(await lookUp('web', 'db'), []);
    await engine.must('rename', 'base', 'db');
  });

  test('are gone with a container that stops, and back when it starts', async () => {
    await engine.must('stop', '-t', '0', 'web');
    assert.deepEqual(await lookUp('db', 'web'), []);
    await engine.must('start', 'web');
    assert.deepEqual(await lookUp('db', 'web'), [await addressOf('web')]);
    assert.deepEqual(await lookUp('web', 'db'), [await addressOf('db')]);
  });

  test('are served again by the next engine when one was killed', async () => {
    await engine.kill();
    await engine.start();
    const address = await addressOf('db');
    for (const deadline = Date.now() + 30_000; (await lookUp('web', 'db')).join() !== address; await delay(50)) {
      assert.ok(Date.now() < deadline, 'no answer came any more');
    }
  });

  test('are found by machines, whose resolver is their own file, on whatever network they are', async () => {
    await engine.must('launch', 'busybox', 'box');
    assert.match(await inside('box', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m);
    assert.deepEqual(await lookUp('box', 'db'), []);
    await engine.must('network', 'connect', 'back', 'box');
    assert.deepEqual(await lookUp('box', 'db'), [await addressOf('db')]);
    assert.deepEqual(await lookUp('db', 'box'), [await addressOf('box')]);
  });
});
