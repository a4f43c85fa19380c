import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openTestEngine, whyNoEngine, type TestEngine } from './fixtures/test-engine.ts';

describe('containers on whole copies', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  before(async () => void (bench = await openTestEngine({ snapshots: 'native' })));
  after(async () => bench[Symbol.asyncDispose]());

  for (const request of [{}, { userNamespace: 'host' as const }]) {
    test(`a container runs, keeps what it writes, is compared and committed (${JSON.stringify(request)})`, async () => {
      const id = await bench.run(['sh', '-c', 'id -u; echo kept >> /new; cat /new; rm -f /etc/group'], request);
      assert.equal(await bench.exitCode(id), 0, await bench.output(id));
      await bench.engine.containers.start(id);
      await bench.exitCode(id);
      assert.equal(await bench.output(id), '0\nkept\n0\nkept\nkept\n');
      assert.deepEqual(
        (await bench.engine.archives.changes(id)).map(({ kind, path }) => `${kind} ${path}`),
        ['C /etc', 'D /etc/group', 'A /new'],
      );
      await bench.engine.archives.commit(id, { name: 'copied:1' });
      const next = await bench.run(['sh', '-c', 'cat /new; ls /etc/group'], { image: 'copied:1' });
      await bench.exitCode(next);
      assert.match(await bench.output(next), /^kept\nkept\nls: /);
    });
  }

  test('two containers of one image do not see each other', async () => {
    const one = await bench.run(['sh', '-c', 'echo one > /mark']);
    await bench.exitCode(one);
    const two = await bench.run(['sh', '-c', 'test ! -e /mark']);
    assert.equal(await bench.exitCode(two), 0);
  });
});
