// A test suite that needs a server: it gets one of its own, on a free port, ready when the first test begins, gone after the last.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect, type Engine, type OwnedContainer } from 'orlop';

describe('a web server', () => {
  let engine: Engine;
  let server: OwnedContainer;
  let url = '';

  before(async () => {
    // Under a lease nothing is left even when the run is killed.
    engine = connect({ lease: true });
    server = await engine.run({
      image: process.env['IMAGE'] ?? 'busybox',
      command: ['sh', '-c', 'mkdir /www && echo served > /www/index.html && exec httpd -f -p 8080 -h /www'],
      ports: [8080],
      health: { command: ['wget', '-q', '-O', '-', 'http://127.0.0.1:8080/'], intervalMs: 200 },
    });
    await server.waitForHealth({ timeoutMs: 30_000 });
    const { address, port } = await server.waitForPort(8080);
    url = `http://${address}:${port}`;
  });
  after(() => engine.close());

  test('serves its page', async () => {
    assert.equal(await (await fetch(url)).text(), 'served\n');
  });

  test('serves what is put there while it runs', async () => {
    await server.files.write('/www/new.txt', 'new\n');
    assert.equal(await (await fetch(`${url}/new.txt`)).text(), 'new\n');
  });
});
