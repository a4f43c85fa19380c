import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from '../system/harness.ts';

type Fields = Record<string, unknown>;

describe('each client gets what its version of the API has', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('create', '--name', 'box', 'busybox', 'true');
  });
  after(() => engine[Symbol.asyncDispose]());

  const ask = (version: string, path: string, method = 'GET'): Promise<[status: number, body: unknown]> =>
    new Promise((resolve, reject) => {
      const call = request({ socketPath: engine.socket, method, path: `/v${version}${path}`, timeout: 30_000 }, (answer) => {
        text(answer).then((body) => resolve([answer.statusCode ?? 0, JSON.parse(body)]), reject);
      });
      call.on('error', reject).end();
    });
  const fieldsOf = async (version: string, path: string): Promise<Fields> => (await ask(version, path))[1] as Fields;
  const firstOf = async (version: string, path: string): Promise<Fields> => ((await ask(version, path))[1] as Fields[])[0] ?? {};

  test('info loses the bridge filter in 1.50 and says in 1.49 what makes firewalls', async () => {
    const ofVersion = async (version: string): Promise<unknown[]> => {
      const info = await fieldsOf(version, '/info');
      const registries = Object.keys(info['RegistryConfig'] as Fields);
      return [info['BridgeNfIptables'], info['FirewallBackend'], registries.includes('AllowNondistributableArtifactsCIDRs')];
    };
    assert.deepEqual(await ofVersion('1.48'), [false, undefined, true]);
    assert.deepEqual(await ofVersion('1.49'), [false, { Driver: 'nftables' }, false]);
    assert.deepEqual(await ofVersion('1.50'), [undefined, { Driver: 'nftables' }, false]);
  });

  test('lists of images count their containers since 1.51', async () => {
    const [old, newest] = await Promise.all(
      ['1.50', '1.51'].map((version) => firstOf(version, '/images/json?filters=%7B%22reference%22%3A%5B%22busybox%3Alatest%22%5D%7D')),
    );
    assert.deepEqual([old?.['Containers'], newest?.['Containers']], [-1, 1]);
  });

  test('lists of networks hold their containers before 1.28', async () => {
    await engine.must('run', '-d', '--name', 'member', 'busybox', 'sleep', '1000');
    const path = '/networks?filters=%7B%22name%22%3A%5B%22bridge%22%5D%7D';
    const [old, newer] = await Promise.all(['1.27', '1.28'].map((version) => firstOf(version, path)));
    await engine.must('rm', '-f', 'member');
    assert.deepEqual(
      [old, newer].map((network) => Object.keys(network?.['Containers'] as Fields).length),
      [1, 0],
    );
  });

  test('disk usage is of what is asked for since 1.42', async () => {
    const partsOf = async (version: string, query: string): Promise<string[]> => {
      const usage = await fieldsOf(version, `/system/df?${query}`);
      return ['Images', 'Containers', 'Volumes', 'BuildCache'].filter((part) => usage[part] !== null);
    };
    assert.deepEqual(await partsOf('1.51', ''), ['Images', 'Containers', 'Volumes', 'BuildCache']);
    assert.deepEqual(await partsOf('1.51', 'type=volume&type=container'), ['Containers', 'Volumes']);
    assert.deepEqual(await partsOf('1.51', 'type=build-cache'), ['BuildCache']);
    assert.deepEqual(await partsOf('1.41', 'type=volume'), ['Images', 'Containers', 'Volumes', 'BuildCache']);
    const [status, refusal] = await ask('1.51', '/system/df?type=dust');
    assert.deepEqual([status, (refusal as Fields)['message']], [400, 'unknown object type: dust']);
  });

  test('what contradicts itself or needs a cluster is refused in the words of Docker', async () => {
    const platform = encodeURIComponent('{"os":"linux","architecture":"amd64"}');
    assert.equal((await ask('1.51', `/images/busybox/json?manifests=1&platform=${platform}`))[0], 400);
    const [status, refusal] = await ask('1.51', '/volumes/hold?version=1', 'PUT');
    assert.equal(status, 503);
    assert.match(String((refusal as Fields)['message']), /not a swarm manager/);
  });
});
