import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { imageOf, openTestRegistry, type TestRegistry } from '../testing/registry.ts';

describe('lists', () => {
  let registry: TestRegistry;
  const tags = ['a', 'B', 'latest', 'v1', 'v10', 'v2', '_x'];
  before(async () => {
    registry = await openTestRegistry();
    for (const name of ['b/deep/er', 'a', 'b', 'blobs/uploads', 'tags/list']) {
      await registry.pushBlob(name, '{}');
      for (const tag of name === 'a' ? tags : ['t']) await registry.pushManifest(name, tag, imageOf('{}', []));
    }
    await registry.pushBlob('only/blobs', 'x');
  });
  after(async () => registry[Symbol.asyncDispose]());

  const ordered = tags.toSorted();

  /** Follows Link headers to the end. */
  async function follow(path: string, field: string): Promise<string[][]> {
    const pages: string[][] = [];
    for (let next: string | undefined = path; next !== undefined; ) {
      const answer = await registry.fetch('GET', next);
      assert.equal(answer.status, 200);
      pages.push(answer.json()[field] as string[]);
      next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    return pages;
  }

  test('tags come in the order of their bytes', async () => {
    const answer = await registry.fetch('GET', '/v2/a/tags/list');
    assert.deepEqual(answer.json(), { name: 'a', tags: ordered });
    assert.equal(answer.headers.get('link'), null);
  });

  test('pages of tags join to the whole', async () => {
    const pages = await follow('/v2/a/tags/list?n=3', 'tags');
    assert.deepEqual(
      pages.map((page) => page.length),
      [3, 3, 1],
    );
    assert.deepEqual(pages.flat(), ordered);
  });

  test('n and last bound the list, and last need not exist', async () => {
    const list = async (query: string) => (await registry.fetch('GET', `/v2/a/tags/list?${query}`)).json()['tags'];
    assert.deepEqual(await list('n=0'), []);
    assert.deepEqual(await list('n=100'), ordered);
    assert.deepEqual(await list('last=latest'), ['v1', 'v10', 'v2']);
    assert.deepEqual(await list('n=1&last=m'), ['v1']);
    assert.deepEqual(await list('last=zzz'), []);
    for (const n of ['-1', 'x', '1.5', '99999999999']) {
      const answer = await registry.fetch('GET', `/v2/a/tags/list?n=${n}`);
      assert.deepEqual([answer.status, answer.codes], [400, ['PAGINATION_NUMBER_INVALID']]);
    }
  });

  test('a repository that has never been pushed to is unknown', async () => {
    for (const name of ['none', 'b/deep', 'only/blobs']) {
      const answer = await registry.fetch('GET', `/v2/${name}/tags/list`);
      assert.deepEqual([answer.status, answer.codes], [404, ['NAME_UNKNOWN']]);
    }
  });

  test('the catalog lists repositories, in pages too, whatever they are called', async () => {
    const all = ['a', 'b', 'b/deep/er', 'blobs/uploads', 'tags/list'];
    assert.deepEqual(await follow('/v2/_catalog', 'repositories'), [all]);
    assert.deepEqual((await follow('/v2/_catalog?n=2', 'repositories')).flat(), all);
    assert.deepEqual((await registry.fetch('GET', '/v2/blobs/uploads/tags/list')).json(), { name: 'blobs/uploads', tags: ['t'] });
  });

  test('names follow the grammar', async () => {
    for (const name of [
      'A',
      'a..b',
      'a/',
      '-a',
      'a-',
      'a___b',
      '_a',
      'a//b',
      'x/..',
      '../..',
      `${'a/'.repeat(127)}aa`,
      'a b',
      'é',
      'a%00',
    ]) {
      const answer = await registry.fetch('GET', `/v2/${encodeURIComponent(name)}/tags/list`);
      assert.deepEqual([name, answer.status, answer.codes], [name, 400, ['NAME_INVALID']]);
    }
    for (const name of ['a.b', 'a_b', 'a__b', 'a---b', '0', `${'a/'.repeat(127)}a`])
      assert.equal((await registry.fetch('GET', `/v2/${name}/tags/list`)).status, 404);
  });
});
