import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Image } from '#image';
import { OrlopError } from '#errors';
import { descendantsOf } from './descendants.ts';

/** No more of an image than is compared. */
function imageWith(id: string, layers: readonly string[], history: readonly string[]): Image {
  const config = { history: history.map((made) => ({ created: 'then', created_by: made })) };
  return { id, layers: layers.map((diffId) => ({ diffId })), config } as unknown as Image;
}

const known = [
  imageWith('base', ['one'], ['ADD']),
  imageWith('labelled', ['one'], ['ADD', 'LABEL']),
  imageWith('app', ['one', 'two'], ['ADD', 'LABEL', 'RUN']),
  imageWith('other', ['three'], ['ADD']),
];
const images = {
  list: () => known,
  resolve: (ref: string) => {
    const found = known.find(({ id }) => id === ref);
    if (found === undefined) throw new OrlopError('not-found', 'IMAGE_NOT_FOUND', ref);
    return found;
  },
};

test('an image is its own descendant, and so is each that goes on where it ended', () => {
  const expected = { base: ['base', 'labelled', 'app'], labelled: ['labelled', 'app'], app: ['app'], other: ['other'], nobody: [] };
  for (const [ref, ids] of Object.entries(expected)) assert.deepEqual([...descendantsOf(images, ref)], ids, ref);
});
