import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import type { BuildCacheView } from '#wire';
import { createCacheUses } from './cache-uses.ts';
import { parseGitPlace } from './git.ts';
import { choose } from './prune.ts';

describe('an address', () => {
  const repositories: readonly (readonly [text: string, url: string, ref: string, directory: string])[] = [
    ['https://example.com/a.git', 'https://example.com/a.git', '', ''],
    ['https://example.com/a.git#main', 'https://example.com/a.git', 'main', ''],
    ['https://example.com/a.git#v1:sub/dir', 'https://example.com/a.git', 'v1', 'sub/dir'],
    ['https://example.com/a.git#:/sub', 'https://example.com/a.git', '', 'sub'],
    ['git://example.com/a', 'git://example.com/a', '', ''],
    ['ssh://git@example.com/a', 'ssh://git@example.com/a', '', ''],
    ['git@example.com:a/b.git#x', 'git@example.com:a/b.git', 'x', ''],
    ['github.com/a/b', 'https://github.com/a/b.git', '', ''],
    ['github.com/a/b/#v1:c', 'https://github.com/a/b.git', 'v1', 'c'],
    ['https://example.com/a.git?tag=v1&subdir=d', 'https://example.com/a.git', 'refs/tags/v1', 'd'],
    ['https://example.com/a.git?branch=b', 'https://example.com/a.git', 'refs/heads/b', ''],
  ];
  for (const [text, url, ref, directory] of repositories)
    test(`${text} is a repository's`, () => assert.deepEqual(parseGitPlace(text), { url, ref, directory, submodules: true }));
  test('a query says more of a repository, and nothing that nobody knows', () => {
    const { submodules, checksum, keepGitDir } = parseGitPlace('https://example.com/a.git?submodules=0&commit=abc&keep-git-dir=1') ?? {};
    assert.deepEqual([submodules, checksum, keepGitDir], [false, 'abc', true]);
    assert.throws(() => parseGitPlace('https://example.com/a.git?x=1'), /unexpected query "x"/);
  });
  for (const text of ['https://example.com/a.tar.gz', 'https://example.com/a', '.', '/a/b.git', 'ext::sh -c true'])
    test(`${text} is none`, () => assert.equal(parseGitPlace(text), null));
});

describe('caches that steps mount', () => {
  const never = new AbortController().signal;

  test('one at a time when it is locked, in the order of coming', async () => {
    const caches = createCacheUses();
    const first = await caches.lock('a', never);
    const order: string[] = [];
    const others = ['two', 'three'].map(async (name) => {
      using _turn = await caches.lock('a', never);
      order.push(name);
    });
    (await caches.lock('b', never))[Symbol.dispose]();
    assert.deepEqual(order, []);
    first[Symbol.dispose]();
    await Promise.all(others);
    assert.deepEqual(order, ['two', 'three']);
  });

  test('who gives up waiting is in nobody’s way', async () => {
    const caches = createCacheUses();
    const first = await caches.lock('a', never);
    const giveUp = new AbortController();
    const waiting = caches.lock('a', giveUp.signal);
    giveUp.abort();
    await assert.rejects(waiting, (error) => isOrlopError(error, 'cancelled'));
    first[Symbol.dispose]();
    (await caches.lock('a', never))[Symbol.dispose]();
  });

  test('private ones are copies as long as the first is in use', () => {
    const caches = createCacheUses();
    const [one, two] = [caches.hold('a', true), caches.hold('a', true)];
    assert.deepEqual([one.copy, two.copy, caches.hold('a', false).copy], [0, 1, 0]);
    two[Symbol.dispose]();
    assert.equal(caches.hold('a', true).copy, 1);
    assert.ok(caches.isInUse('a') && !caches.isInUse('b'));
  });
});

describe('pruning chooses', () => {
  const entry = (id: string, change: Partial<BuildCacheView>): BuildCacheView => ({
    id,
    type: 'regular',
    description: '',
    sizeBytes: 10,
    createdMs: 0,
    usedMs: 0,
    uses: 0,
    inUse: false,
    shared: false,
    ...change,
  });
  const all = [
    entry('old', { usedMs: 1 }),
    entry('new', { usedMs: 9 }),
    entry('shared', { usedMs: 2, shared: true }),
    entry('busy', { usedMs: 3, inUse: true }),
    entry('mount', { usedMs: 4, type: 'exec.cachemount' }),
  ];
  const ids = (...args: Parameters<typeof choose>): string[] => choose(...args).map(({ id }) => id);

  test('what no image needs and no build uses, the longest unused first', () => assert.deepEqual(ids(all, {}), ['old', 'mount', 'new']));
  test('with all, also what images need', () => assert.deepEqual(ids(all, { all: true }), ['old', 'shared', 'mount', 'new']));
  test('only what was not used since', () => assert.deepEqual(ids(all, { usedBeforeMs: 4 }), ['old']));
  test('only of a type, and only these', () => {
    assert.deepEqual(ids(all, { types: ['exec.cachemount'] }), ['mount']);
    assert.deepEqual(ids(all, { ids: ['ne'] }), ['new']);
  });
  test('as little as brings the rest below the limit', () => {
    assert.deepEqual(ids(all, { keepBytes: 35 }), ['old', 'mount']);
    assert.deepEqual(ids(all, { keepBytes: 50 }), []);
  });
});
