import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withLastingChanges } from './lasting.ts';
import type { Engine } from './model.ts';

test('what is promised is on disk before it is answered; what ends with the host anyway waits for no disk', async () => {
  const said: string[] = [];
  const verb = (name: string) => (): Promise<string> => {
    said.push(name);
    return Promise.resolve(name);
  };
  const group = (name: string): unknown => new Proxy({}, { get: (_none, key) => verb(`${name}.${String(key)}`) });
  const containers = { create: verb('create'), start: verb('start'), remove: verb('remove'), rename: verb('rename') };
  // Whatever groups of verbs there are.
  const verbs = new Proxy({ containers, launch: verb('launch') }, { get: (own, key) => Reflect.get(own, key) ?? group(String(key)) });
  const engine = withLastingChanges(verbs as unknown as Engine, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    said.push('on disk');
  });
  const nothing = undefined as never;
  const request = (autoRemove: boolean) => ({ kind: 'app', image: 'x', autoRemove }) as const;
  assert.equal(await engine.containers.create(request(false)), 'create');
  await engine.images.tag('a', 'b');
  await engine.archives.load(nothing, nothing);
  await engine.networks.remove('a');
  await engine.snapshots.take('a', {});
  await engine.launch('a', nothing, nothing);
  const named = ['create', 'images.tag', 'archives.load', 'networks.remove', 'snapshots.take', 'launch'];
  assert.deepEqual(
    said.splice(0),
    named.flatMap((one) => [one, 'on disk']),
  );
  await engine.containers.start('a');
  await engine.containers.create(request(true));
  assert.deepEqual(said, ['start', 'create']);
});
