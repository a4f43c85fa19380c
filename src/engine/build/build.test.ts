import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isOrlopError, type OrlopError } from '#errors';
import { createTarEntry, endOfArchive, formatTarEntry, padding, readTarMembers, toByteText } from '#store';
import type { BuildEvent, BuildRequest, BuildResult } from '#wire';
import { never, openTestEngine, type TestEngine, whyNoEngine } from '../fixtures/test-engine.ts';

type Files = Readonly<Record<string, string | { readonly mode?: number; readonly content?: string; readonly link?: string }>>;

/** A context's tar. Names that end with a slash are directories. */
async function* contextOf(files: Files): AsyncGenerator<Uint8Array> {
  for (const [path, given] of Object.entries(files)) {
    const { content = '', mode = 0o644, link } = typeof given === 'string' ? { content: given } : given;
    const data = Buffer.from(content);
    const type = path.endsWith('/') ? 'directory' : link === undefined ? 'file' : 'symlink';
    yield formatTarEntry(
      createTarEntry({
        path: toByteText(path),
        type,
        mode: type === 'directory' ? 0o755 : mode,
        size: data.length,
        linkTarget: toByteText(link ?? ''),
        mtimeNs: 1_600_000_000_000_000_000n,
      }),
    );
    if (data.length > 0) yield Buffer.concat([data, padding(data.length)]);
  }
  yield endOfArchive();
}

interface Built extends BuildResult {
  readonly events: readonly BuildEvent[];
  readonly output: string;
  readonly cached: readonly boolean[];
}

describe('builds', { skip: whyNoEngine() }, () => {
  let host: TestEngine;
  before(async () => {
    host = await openTestEngine();
  });
  after(() => host[Symbol.asyncDispose]());

  async function build(files: Files, request: BuildRequest = {}): Promise<Built> {
    const events: BuildEvent[] = [];
    const result = await host.engine.builds.build(
      { network: 'none', ...request },
      { context: contextOf(files), report: (event) => void events.push(event), signal: never },
    );
    const output = events.map((event) => (event.type === 'log' ? event.text : '')).join('');
    const ended = events.filter((event) => event.type === 'end' && /^\d+\.[1-9]/.test(event.step));
    return { ...result, events, output, cached: ended.map((event) => event.type === 'end' && event.cached) };
  }

  async function sh(image: string, script: string): Promise<string> {
    const id = await host.run(['sh', '-c', script], { image });
    assert.equal(await host.exitCode(id), 0, await host.output(id));
    const output = await host.output(id);
    await host.engine.containers.remove(id, { force: true });
    return output;
  }

  async function failure(work: Promise<unknown>): Promise<OrlopError> {
    try {
      await work;
    } catch (error) {
      if (isOrlopError(error)) return error;
      throw error;
    }
    throw new Error('it did not fail');
  }

  test('run steps on a base, copy files, and keep the configuration', async () => {
    const built = await build(
      {
        Dockerfile: 'FROM busybox\nENV A=1\nRUN echo hello > /made && echo said\nWORKDIR /app\nCOPY sub/ ./\nCMD ["cat", "/made"]\n',
        'sub/': '',
        'sub/file': { content: 'text\n', mode: 0o755 },
        'sub/link': { link: 'file' },
      },
      { names: ['app:1'] },
    );
    assert.equal(built.output, 'said\n');
    assert.equal(
      await sh('app:1', 'cat /made /app/link; stat -c "%a %u:%g %Y" /app/file; pwd; echo $A'),
      'hello\ntext\n755 0:0 1600000000\n/app\n1\n',
    );
    const image = host.engine.images.inspect('app:1');
    assert.equal(image.id, built.id);
    assert.deepEqual(image.config.command, ['cat', '/made']);
    assert.equal(image.diffIds.length, host.engine.images.inspect('busybox').diffIds.length + 3);
  });

  test('a build that was made is not made again, and is the same image', async () => {
    const files = { Dockerfile: 'FROM busybox\nRUN date +%N > /now\nCOPY a /a\nRUN cat /a > /b\nLABEL x=1\n', a: 'one' };
    const first = await build(files);
    const second = await build(files);
    assert.deepEqual(second.cached, [true, true, true, false]);
    assert.equal(second.id, first.id);
    const changed = await build({ ...files, a: 'two' });
    assert.deepEqual(changed.cached, [true, false, false, false]);
    const anew = await build(files, { noCache: true });
    assert.deepEqual(anew.cached, [false, false, false, false]);
    assert.notEqual(anew.id, first.id);
  });

  test('the next engine finds what steps made', async () => {
    const files = { Dockerfile: 'FROM busybox\nRUN date +%N > /then\n' };
    const first = await build(files);
    await host.reopen();
    const second = await build(files);
    assert.deepEqual(second.cached, [true]);
    assert.equal(second.id, first.id);
  });

  test('a layer holds what its step changed, and nothing of what was mounted', async () => {
    await build(
      { Dockerfile: 'FROM scratch\nCOPY --from=busybox /bin /bin\nRUN ["/bin/sh", "-c", "echo x > /only"]\n' },
      { names: ['bare'] },
    );
    const names: string[] = [];
    const id = await host.create(['true'], { image: 'bare' });
    for await (const { entry } of readTarMembers(host.engine.archives.export(id))) names.push(entry.path);
    await host.engine.containers.remove(id, {});
    assert.deepEqual(
      names.filter((name) => !/^bin\/./.test(name)),
      ['./', 'bin/', 'only'],
    );
  });

  test('stages are built side by side, those that nobody needs not at all', async () => {
    const built = await build(
      {
        Dockerfile:
          'FROM busybox AS one\nRUN echo 1 > /one\nFROM busybox AS unneeded\nRUN false\nFROM busybox AS two\nRUN echo 2 > /two\nFROM busybox\nCOPY --from=one /one /\nCOPY --from=two /two /other\n',
      },
      { names: ['stages'] },
    );
    assert.equal(await sh('stages', 'cat /one /other'), '1\n2\n');
    assert.ok(!built.events.some((event) => event.type === 'start' && event.stage === 'unneeded'));
  });

  test('a step that fails says where, and how', async () => {
    const error = await failure(build({ Dockerfile: 'FROM busybox\nRUN echo before\nRUN echo oh >&2; exit 3\n' }));
    assert.equal(error.code, 'BUILD_STEP_FAILED');
    assert.equal(error.message, 'process "/bin/sh -c echo oh >&2; exit 3" did not complete successfully: exit code: 3');
    assert.equal(error.details?.['exitCode'], 3);
    assert.match(String(error.details?.['excerpt']), />>> RUN echo oh/);
    assert.deepEqual(host.engine.containers.list({ all: true }), []);
    assert.equal(host.engine.builds.history()[0]?.status, 'failed');
  });

  test('mounts: files of the context and of stages, secrets, caches, memory', async () => {
    const Dockerfile = `FROM busybox AS other
RUN echo stage > /from-stage
FROM busybox
RUN --mount=type=bind,target=/src --mount=type=bind,from=other,source=/from-stage,target=/one cat /src/a /one
RUN --mount=type=bind,target=/src,rw echo gone > /src/new && cat /src/new
RUN --mount=type=secret,id=key --mount=type=secret,id=key,env=KEY cat /run/secrets/key > /dev/null && test "$KEY" = hush
RUN --mount=type=cache,target=/cache,uid=7 stat -c %u /cache && echo kept >> /cache/file
RUN --mount=type=cache,target=/cache wc -l < /cache/file
RUN --mount=type=tmpfs,target=/mem,size=1m mount | grep -c ' /mem ' && ! test -e /run/secrets
`;
    const request = { names: ['mounts'], secrets: { key: Buffer.from('hush').toString('base64') } };
    const built = await build({ Dockerfile, a: 'context\n' }, request);
    assert.equal(built.output, 'context\nstage\ngone\n7\n1\n1\n');
    assert.equal(await sh('mounts', 'ls -d /src /one /cache /mem /run/secrets 2>/dev/null | wc -l'), '0\n');
    const caches = (await host.engine.builds.cache()).filter(({ type }) => type === 'exec.cachemount');
    assert.deepEqual(
      caches.map(({ description }) => description),
      ['cache mount /cache'],
    );
    const error = await failure(build({ Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=none,required=true true\n' }));
    assert.equal(error.code, 'BUILD_NO_SECRET');
  });

  test('with a date given the image is the same whenever it is built', async () => {
    const ids: string[] = [];
    for (const content of [1, 2]) {
      const files = {
        Dockerfile: 'FROM busybox\nCOPY a /d/a\nRUN touch /x /y && mkdir /z\nRUN echo > /d/b\n',
        a: 'same',
        [`b${content}`]: 'not copied',
      };
      const built = await build(files, { noCache: true, sourceDateEpoch: 1_500_000_000 });
      ids.push(built.digest);
    }
    assert.equal(ids[0], ids[1]);
  });

  test('a build that is given up leaves no process', async () => {
    const giveUp = new AbortController();
    const running = host.engine.builds.build(
      { network: 'none' },
      {
        context: contextOf({ Dockerfile: 'FROM busybox\nRUN echo up; sleep 1000\n' }),
        report: (event) => event.type === 'log' && giveUp.abort(),
        signal: giveUp.signal,
      },
    );
    const error = await failure(running);
    assert.equal(error.kind, 'cancelled');
    assert.deepEqual(host.engine.containers.list({ all: true }), []);
  });

  test('pruning takes what no image needs', async () => {
    await build({ Dockerfile: 'FROM busybox AS a\nRUN echo > /pruned\nFROM busybox\nCOPY --from=a /pruned /kept\n' }, { names: ['keeps'] });
    const pruned = await host.engine.builds.prune({});
    assert.ok(pruned.removed.length > 0);
    assert.equal(await sh('keeps', 'ls /kept'), '/kept\n');
    await host.engine.builds.prune({ all: true });
    assert.deepEqual(await host.engine.builds.cache(), []);
    assert.equal(await sh('keeps', 'ls /kept'), '/kept\n');
  });
});
