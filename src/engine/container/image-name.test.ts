import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from './record.ts';
import { listedImage } from './image-name.ts';

const targets = new Map([['docker.io/library/app:latest', 'sha256:one']]);
const listed = (name: string, manifest: string, id = 'sha256:feed'): string =>
  listedImage({ image: { name, manifest, id, chain: null } as ContainerRecord['image'] }, targets);

test('an image is called as the container asked for it, until the name means another or nothing', () => {
  assert.equal(listed('app', 'sha256:one'), 'app');
  assert.equal(listed('app:latest', 'sha256:one'), 'app:latest');
  assert.equal(listed('app', 'sha256:two'), 'sha256:feed');
  assert.equal(listed('gone:1', 'sha256:one'), 'sha256:feed');
});

test('ids, names with a digest and what is no name stay', () => {
  for (const name of ['sha256:abcdef123456', 'abcdef123456', 'app@sha256:one', 'No Name']) assert.equal(listed(name, 'sha256:two'), name);
  assert.equal(listed('a build', 'sha256:two', ''), 'a build');
});
