import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { BuildEvent, BuildRequest } from '#wire';
import { contextOf } from '../../fixtures/context.ts';
import { never, openTestEngine, type TestEngine, whyNoEngine } from '../../fixtures/test-engine.ts';

describe('what steps made, elsewhere', { skip: whyNoEngine() }, () => {
  let host: TestEngine;
  let directory: string;
  before(async () => {
    host = await openTestEngine();
  });
  after(() => host[Symbol.asyncDispose]());
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'orlop-shared-cache-'));
  });

  const files = {
    Dockerfile:
      'FROM busybox AS tools\nRUN date +%N > /tool\nFROM busybox\nCOPY a /a\nRUN true\nCOPY --from=tools /tool /tool\nRUN date +%N > /made\n',
    a: 'a',
  };

  async function build(request: BuildRequest): Promise<{ id: string; cached: Record<string, boolean>; notices: string }> {
    const events: BuildEvent[] = [];
    const options = { context: contextOf(files), report: (event: BuildEvent) => void events.push(event), signal: never };
    const { id } = await host.engine.builds.build({ network: 'none', ...request }, options);
    const ended = events.flatMap((event) =>
      event.type === 'end' && /^\d+\.[1-9]/.test(event.step) ? [[event.step, event.cached] as const] : [],
    );
    return {
      id,
      cached: Object.fromEntries(ended),
      notices: events.flatMap((event) => (event.type === 'notice' ? event.text : [])).join('\n'),
    };
  }
  const forget = async (): Promise<void> => {
    for (const { id } of host.engine.images.list({ all: true }))
      if (host.engine.images.inspect(id).names.every((name) => !name.startsWith('busybox')))
        await host.engine.images.remove(id, { force: true });
    await host.engine.builds.prune({ all: true });
    assert.deepEqual(await host.engine.builds.cache(), []);
  };
  const everything = { '0.1': true, '1.1': true, '1.2': true, '1.3': true, '1.4': true };

  test('is found in a directory, whole, and gives the same image', async () => {
    const first = await build({ cacheTo: [{ kind: 'local', directory, mode: 'max' }] });
    await forget();
    const second = await build({ cacheFrom: [{ kind: 'local', directory }] });
    assert.deepEqual(second, { id: first.id, cached: everything, notices: '' });
    assert.deepEqual((await build({})).cached, everything);
  });

  test('of the result alone, with mode=min', async () => {
    await forget();
    await build({ cacheTo: [{ kind: 'local', directory, mode: 'min', tag: 'few' }] });
    await forget();
    const { cached } = await build({ cacheFrom: [{ kind: 'local', directory, tag: 'few' }] });
    assert.deepEqual({ ...cached, '1.3': null, '1.4': null }, { '0.1': false, '1.1': true, '1.2': true, '1.3': null, '1.4': null });
  });

  test('is in an image, of which it can be taken again', async () => {
    await forget();
    await build({ cacheTo: [{ kind: 'inline', mode: 'min' }], names: ['inline:1'] });
    // The image keeps its layers; the steps are forgotten.
    await host.engine.builds.prune({ all: true });
    const { cached } = await build({ cacheFrom: [{ kind: 'image', reference: 'inline:1' }] });
    assert.deepEqual({ '1.1': cached['1.1'], '1.2': cached['1.2'] }, { '1.1': true, '1.2': true });
    assert.equal((await build({ cacheFrom: [{ kind: 'image', reference: 'busybox' }] })).notices, '');
  });

  test('that is missing or damaged is said, and the build goes on', async () => {
    await forget();
    assert.match((await build({ cacheFrom: [{ kind: 'local', directory }] })).notices, /is not used: there is no build cache/);
    await build({ cacheTo: [{ kind: 'local', directory, mode: 'max' }] });
    const blobs = join(directory, 'blobs/sha256');
    for (const name of readdirSync(blobs))
      if (readFileSync(join(blobs, name)).readUInt32LE(0) === 0xfd2fb528) truncateSync(join(blobs, name), 20);
    await forget();
    const damaged = await build({ cacheFrom: [{ kind: 'local', directory }] });
    assert.match(damaged.notices, /a step of the cache of .* is not used/);
    assert.equal(damaged.cached['1.1'], false);
  });

  test('that cannot be left there fails the build unless that is allowed', async () => {
    const place = join('/proc/nowhere');
    await assert.rejects(build({ cacheTo: [{ kind: 'local', directory: place, mode: 'min' }] }));
    assert.match(
      (await build({ cacheTo: [{ kind: 'local', directory: place, mode: 'min', ignoreErrors: true }] })).notices,
      /was not left at/,
    );
    await assert.rejects(build({ cacheTo: [{ kind: 'local', directory: 'here', mode: 'min' }] }), /not an absolute path/);
    assert.equal(existsSync('here'), false);
  });
});
