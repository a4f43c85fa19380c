import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Listing } from '#build';
import { createLogger } from '#log';
import { createTarEntry, endOfArchive, formatTarEntry, padding, toByteText } from '#store';
import type { OfferedContext } from '#wire';
import { createKeptContexts, type KeptContexts } from './kept-contexts.ts';

/** A file of a client's: its stamp, and its content; `=name`: another name of that file. */
type Client = Readonly<Record<string, readonly [stamp: string, content: string]>>;

describe('contexts that are kept', () => {
  let root: string;
  let kept: KeptContexts;
  let open: number[];
  let sent: string[];
  const logger = createLogger({ sink: () => undefined });
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'orlop-kept-'));
    kept = createKeptContexts(root, logger);
    open = [];
    sent = [];
  });
  afterEach(() => {
    for (const descriptor of open) closeSync(descriptor);
    rmSync(root, { recursive: true });
  });

  const offer = (client: Client, key = 'a'): OfferedContext => {
    const names = Object.keys(client);
    return {
      key,
      name: `/src/${key}`,
      async *list() {
        for (const path of names) yield { path, stamp: client[path]?.[0] ?? '' };
      },
      async *take(wanted) {
        for (const path of wanted.map((at) => names[at] ?? '')) {
          sent.push(path);
          const content = client[path]?.[1] ?? '';
          const common = { path: toByteText(path), mode: 0o644 };
          if (path.endsWith('/')) yield formatTarEntry(createTarEntry({ ...common, type: 'directory', mode: 0o755 }));
          else if (content.startsWith('='))
            yield formatTarEntry(createTarEntry({ ...common, type: 'link', linkTarget: toByteText(content.slice(1)) }));
          else {
            yield formatTarEntry(createTarEntry({ ...common, type: 'file', size: content.length }));
            yield Buffer.from(content);
            yield padding(content.length);
          }
        }
        yield endOfArchive();
      },
    };
  };
  const signal = new AbortController().signal;
  const receive = (client: Client, key?: string): Promise<Listing> => {
    sent = [];
    return kept.receive(offer(client, key), { adopt: (descriptor) => void open.push(descriptor), onBytes: () => undefined, signal });
  };
  const contentOf = async (listing: Listing, path: string): Promise<string | null> => {
    const node = listing.find(toByteText(path));
    return node === null ? null : Buffer.concat(await Array.fromAsync(node.content())).toString();
  };
  const namesOf = (listing: Listing): string[] => [...listing.files()].map(([path]) => path);

  test('only what has changed is sent again, and what is gone is gone', async () => {
    const first: Client = { d: ['1', 'dee'], e: ['1', 'eee'], f: ['1', 'eff'] };
    await receive(first);
    assert.deepEqual(sent, ['d', 'e', 'f']);
    await receive(first);
    assert.deepEqual(sent, []);
    const listing = await receive({ d: ['1', 'not sent'], f: ['2', 'changed'], g: ['1', 'new'] });
    assert.deepEqual(sent, ['f', 'g']);
    assert.deepEqual(namesOf(listing).toSorted(), ['d', 'f', 'g']);
    const contents = await Promise.all(['d', 'f', 'g'].map((path) => contentOf(listing, path)));
    assert.deepEqual(contents, ['dee', 'changed', 'new']);
    await receive({ d: ['1', ''], f: ['2', ''], g: ['1', ''] });
    assert.deepEqual(sent, []);
  });

  test('what may change without another stamp is sent each time, and so is another directory', async () => {
    const client: Client = { d: ['', 'one'], e: ['1', 'two'] };
    await receive(client);
    await receive(client);
    assert.deepEqual(sent, ['d']);
    await receive(client, 'b');
    assert.deepEqual(sent, ['d', 'e']);
  });

  test('names of one file stay one', async () => {
    const client: Client = { a: ['1', 'x'], b: ['1', '=a'] };
    await receive(client);
    const listing = await receive(client);
    assert.deepEqual(sent, []);
    const [one, other] = ['a', 'b'].map((path) => listing.find(toByteText(path))?.facts);
    assert.equal(one?.nlink, 2);
    assert.equal(one?.id, other?.id);
    const alone = await receive({ b: ['1', ''] });
    assert.equal(alone.find(toByteText('b'))?.facts.nlink, 1);
    assert.equal(await contentOf(alone, 'b'), 'x');
  });

  test('a listing is as it was while later builds write to the same file', async () => {
    const before = await receive({ a: ['1', 'old'] });
    await receive({ a: ['2', 'new'] });
    assert.equal(await contentOf(before, 'a'), 'old');
  });

  test('two builds of a directory at once get the same, and it is sent once', async () => {
    const client: Client = { a: ['1', 'x'], b: ['1', 'y'] };
    const [one, two] = await Promise.all([receive(client), receive(client)]);
    assert.deepEqual(sent, ['a', 'b']);
    assert.deepEqual([await contentOf(one, 'b'), await contentOf(two, 'b')], ['y', 'y']);
  });

  test('what was cut off leaves nothing, and the next one goes on from what was whole', async () => {
    const client: Client = { a: ['1', 'x'] };
    await receive(client);
    const cut = { ...offer({ ...client, b: ['1', 'y'] }), take: () => endless() };
    const giveUp = new AbortController();
    const options = { adopt: (descriptor: number) => void open.push(descriptor), onBytes: () => giveUp.abort(), signal: giveUp.signal };
    const [before] = kept.list();
    await assert.rejects(kept.receive(cut, options));
    assert.equal(kept.list()[0]?.sizeBytes, before?.sizeBytes);
    kept = createKeptContexts(root, logger);
    assert.equal(await contentOf(await receive({ ...client, b: ['1', 'y'] }), 'b'), 'y');
    assert.deepEqual(sent, ['b']);
  });

  const damages: readonly (readonly [what: string, damage: (index: string, contents: string) => void])[] = [
    ['an index that is cut', (index) => writeFileSync(index, readFileSync(index, 'utf8').slice(0, -3))],
    [
      'an index of another boot',
      (index) => writeFileSync(index, readFileSync(index, 'utf8').replace(/"boot":"[^"]*"/, '"boot":"another"')),
    ],
    ['an index without its contents', (_, contents) => rmSync(contents)],
    ['an index with half its contents', (_, contents) => writeFileSync(contents, '')],
  ];
  for (const [what, damage] of damages)
    test(`${what} is not taken up`, async () => {
      const client: Client = { a: ['1', 'x'] };
      await receive(client);
      const place = join(root, readdirSync(root)[0] ?? '');
      const contents = readdirSync(place).find((name) => name.startsWith('contents-')) ?? '';
      damage(join(place, 'index'), join(place, contents));
      assert.equal(await contentOf(await receive(client), 'a'), 'x');
      assert.deepEqual(sent, ['a']);
      assert.equal(readdirSync(place).length, 2);
    });

  test('contents that are mostly of the past are begun anew', async () => {
    const large = 'x'.repeat(9 * 1024 * 1024);
    for (const stamp of ['1', '2', '3', '4', '5']) await receive({ a: [stamp, large], b: ['1', 'b'] });
    assert.deepEqual(sent, ['a', 'b']);
    const [{ sizeBytes, description } = { sizeBytes: 0, description: '' }] = kept.list();
    assert.ok(sizeBytes < 10 * 1024 * 1024, String(sizeBytes));
    assert.equal(description, 'local source for /src/a');
  });

  test('what is removed is sent anew', async () => {
    await receive({ a: ['1', 'x'] });
    kept.remove(kept.list().map(({ id }) => id));
    assert.deepEqual(kept.list(), []);
    await receive({ a: ['1', 'x'] });
    assert.deepEqual(sent, ['a']);
  });
});

async function* endless(): AsyncGenerator<Uint8Array> {
  yield formatTarEntry(createTarEntry({ path: toByteText('b'), type: 'file', size: 1 << 30 }));
  for (;;) yield Buffer.alloc(64 * 1024);
}
