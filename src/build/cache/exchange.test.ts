import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import type { Digest } from '#oci';
import { formatCacheConfig, parseCacheConfig } from './exchange.ts';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
const key = (letter: string): string => letter.repeat(64);
const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', digest: digest('a'), size: 7 };

describe("steps in BuildKit's cache config", () => {
  test('survive the round trip', () => {
    const created = '2026-01-02T03:04:05.000Z';
    const text = formatCacheConfig({
      layers: [{ diffId: digest('d'), descriptor, parent: null }],
      steps: [
        { key: key('1'), layer: 0, created },
        { key: key('2'), layer: null, created },
      ],
    });
    const steps = parseCacheConfig(Buffer.from(text), []);
    assert.deepEqual(steps.get(key('1')), { layer: { diffId: digest('d'), descriptor }, created });
    assert.deepEqual(steps.get(key('2')), { layer: null, created });
  });

  test("BuildKit's own records are left out", () => {
    const config = {
      layers: [{ blob: digest('a'), annotations: { mediaType: 'x', diffID: digest('d'), size: 1 } }],
      records: [
        { digest: digest('1'), inputs: [[{ link: 1 }]], layers: [{ layer: 0 }] },
        { digest: digest('2') },
        { digest: digest('3'), layers: [{ layer: 9 }] },
        { digest: 'random:x', layers: [{ layer: 0 }] },
      ],
    };
    assert.equal(parseCacheConfig(Buffer.from(JSON.stringify(config)), []).size, 0);
  });

  test('what is none is refused, whatever it is', () => {
    const layer = (annotations: object) => ({
      layers: [{ blob: digest('a'), annotations }],
      records: [{ digest: digest('1'), layers: [{ layer: 0 }] }],
    });
    for (const [text, kind] of [
      ['', 'data-loss'],
      ['nonsense', 'data-loss'],
      ['null', 'data-loss'],
      [JSON.stringify(layer({ diffID: digest('d'), size: -1 })), 'data-loss'],
      [JSON.stringify(layer({ diffID: 'sha256:short', size: 1 })), 'invalid-argument'],
    ] as const) {
      assert.throws(
        () => parseCacheConfig(Buffer.from(text), []),
        (error) => isOrlopError(error, kind),
        text,
      );
    }
    for (const text of ['{}', '[]', '{"layers":5,"records":{}}', '{"records":[null,1,{"digest":1}]}'])
      assert.equal(parseCacheConfig(Buffer.from(text), []).size, 0, text);
  });
});
