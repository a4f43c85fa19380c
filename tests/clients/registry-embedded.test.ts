import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { tinyTar } from '../../src/image/fixtures/tiny-tar.ts';
import { startEngine, whyNot } from '../system/harness.ts';

async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('an engine with --registry serves what it pushes to itself, also after it was killed', { skip: whyNot() }, async () => {
  const port = await findPort();
  await using engine = await startEngine(['--registry', `127.0.0.1:${port}`]);
  const name = `127.0.0.1:${port}/team/app:1`;
  const imported = await engine.orlopWith({ input: tinyTar({ file: 'content' }).toString('latin1') }, 'import', '-', name);
  assert.equal(imported.code, 0, imported.stderr);
  await engine.must('push', '-q', name);
  await engine.must('rmi', name);
  await engine.kill();
  await engine.start();
  await engine.must('pull', '-q', name);
  const tags = await fetch(`http://127.0.0.1:${port}/v2/team/app/tags/list`);
  assert.deepEqual(await tags.json(), { name: 'team/app', tags: ['1'] });
  await engine.must('system', 'check');
});
