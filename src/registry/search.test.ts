import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistryClient } from './client.ts';
import { failsWith, limits } from './testing/against.ts';
import { openServer, type Handler } from './testing/server.ts';

async function searchAt(handler: Handler, term: string) {
  await using server = await openServer(handler);
  using client = createRegistryClient({ limits, certificateDirectories: [] });
  return await client.search(server.host, { term, limit: 2 });
}

test('a search asks for a term and a number, and gives at most that many', async () => {
  let asked = '';
  const hits = await searchAt((request, response) => {
    if (request.url !== '/v2/') asked = request.url ?? '';
    const result = (name: string) => ({ name, description: null, star_count: 7, is_official: name === 'a' });
    response.end(JSON.stringify({ results: ['a', 'b', 'c'].map(result) }));
  }, 'a b&c');
  assert.equal(asked, '/v1/search?q=a%20b%26c&n=2');
  assert.deepEqual(hits, [
    { name: 'a', description: '', stars: 7, isOfficial: true },
    { name: 'b', description: '', stars: 7, isOfficial: false },
  ]);
});

for (const nonsense of ['{', '{"results":{}}', '{"results":[1]}', '{"results":[{"name":5}]}']) {
  test(`the answer ${nonsense} to a search is refused`, async () => {
    await assert.rejects(
      searchAt((_, response) => response.end(nonsense), 'x'),
      failsWith('unavailable', /search for "x".*makes no sense/),
    );
  });
}
