import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { formatImageConfig, parseImageConfig } from './image-config.ts';
import { parseDigest } from './digest.ts';

test('a config with all it may hold survives the round trip', () => {
  const config = {
    created: '2026-11-21T00:00:00Z',
    author: 'someone',
    architecture: 'amd64',
    os: 'linux',
    config: {
      User: 'www-data',
      ExposedPorts: { '80/tcp': {} },
      Env: ['PATH=/bin'],
      Entrypoint: ['/init'],
      Cmd: ['x'],
      Volumes: { '/data': {} },
      WorkingDir: '/',
      Labels: { a: 'b', __proto__x: 'c' },
      StopSignal: 'SIGTERM',
      Healthcheck: { Test: ['CMD', 'true'], Interval: 30_000_000_000, Retries: 3 },
    },
    rootfs: { type: 'layers', diff_ids: [parseDigest(`sha256:${'11'.repeat(32)}`)] },
    history: [{ created_by: 'RUN x', empty_layer: true }],
    'moby.buildkit.cache.v0': 'e30=',
  };
  assert.deepEqual(parseImageConfig(formatImageConfig(config)), config);
});

test("Docker's nulls mean absent", () => {
  const text =
    '{"architecture":"amd64","os":"linux","config":{"Cmd":null,"Volumes":null,"Env":null},"rootfs":{"type":"layers","diff_ids":null},"history":null}';
  assert.deepEqual(parseImageConfig(text), { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [] } });
});

test('a label named __proto__ stays a label', () => {
  const { config } = parseImageConfig('{"architecture":"a","os":"linux","config":{"Labels":{"__proto__":"x"}},"rootfs":{}}');
  assert.deepEqual(Object.entries(config?.Labels ?? {}), [['__proto__', 'x']]);
});

test('errors name the property', () => {
  for (const [text, place] of [
    ['{"os":"linux","rootfs":{}}', 'image config.architecture'],
    ['{"architecture":"a","os":"linux","rootfs":{"type":"squashfs"}}', 'image config.rootfs.type'],
    ['{"architecture":"a","os":"linux","rootfs":{},"config":{"Env":["a",1]}}', 'image config.config.Env[1]'],
  ] as const) {
    assert.throws(
      () => parseImageConfig(text),
      (error) => isOrlopError(error, 'invalid-argument') && error.message.startsWith(place),
    );
  }
});
