import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Store } from '#store';
import { addLayer } from './add-layer.ts';

/** A store whose disk is full after the first bytes, which it notices while more are being packed. */
const fullStore = {
  content: {
    async ingest(_lease: unknown, source: AsyncIterable<Uint8Array>) {
      for await (const _chunk of source) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        throw new Error('no space left');
      }
      throw new Error('no bytes came');
    },
  },
} as unknown as Store;

describe('a layer whose blob cannot be stored', () => {
  const lease = {} as Parameters<typeof addLayer>[1];

  it('fails with the cause while the packer is at work', async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield randomBytes(1024 * 1024);
      } finally {
        ended = true;
      }
    }
    for (let round = 0; round < 20; round += 1) {
      ended = false;
      await assert.rejects(addLayer(fullStore, lease, endless(), { below: [] }), /no space left/);
      for (let turn = 0; !ended && turn < 10_000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(ended, true, 'the source goes on');
    }
  });

  it('fails with the cause though the source has stalled', async () => {
    async function* stalling(): AsyncGenerator<Uint8Array> {
      for (let chunk = 0; chunk < 4; chunk += 1) yield randomBytes(1024 * 1024);
      await new Promise(() => undefined);
    }
    await assert.rejects(addLayer(fullStore, lease, stalling(), { below: [] }), /no space left/);
  });
});
