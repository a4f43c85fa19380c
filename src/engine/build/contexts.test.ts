import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BuildRequest } from '#wire';
import { contextOf, type Files } from '../fixtures/context.ts';
import { never, openTestEngine, type TestEngine, whyNoEngine } from '../fixtures/test-engine.ts';

describe('contexts of builds', { skip: whyNoEngine() }, () => {
  let host: TestEngine;
  before(async () => {
    host = await openTestEngine();
  });
  after(() => host[Symbol.asyncDispose]());

  /** Answers which steps were found. */
  async function build(files: Files, request: BuildRequest = {}): Promise<boolean[]> {
    const cached: boolean[] = [];
    await host.engine.builds.build(
      { network: 'none', ...request },
      {
        context: contextOf(files),
        report: (event) => {
          if (event.type === 'end' && /^\d+\.[1-9]/.test(event.step)) cached.push(event.cached);
        },
        signal: never,
      },
    );
    return cached;
  }

  async function sh(image: string, script: string): Promise<string> {
    const id = await host.run(['sh', '-c', script], { image });
    assert.equal(await host.exitCode(id), 0, await host.output(id));
    return host.output(id);
  }

  test('a layer of sent files that no image had needed packs to its digest when one does', async () => {
    const files = {
      Dockerfile:
        'FROM busybox AS files\nCOPY --chmod=u=rw,go=r . /d\nCOPY --chown=7:8 d/b /etc/\nFROM busybox\nCOPY --from=files /d/d/b /b\n',
      'd/': '',
      'd/b': 'b'.repeat(300_000),
      'd/ü link': { link: 'b' },
      a: '',
    };
    await build(files);
    assert.deepEqual(await build(files, { target: 'files', names: ['files:1'] }), [true, true]);
    assert.equal(await sh('files:1', 'stat -c %a /d/d/b; readlink "/d/d/ü link"; stat -c %u:%g:%s /etc/b'), '644\nb\n7:8:300000\n');
  });

  test('directories that a COPY adds to keep mode, owner and what is in them', async () => {
    await build(
      { Dockerfile: 'FROM busybox\nRUN mkdir -m 1777 /t && chown 3:4 /t && echo kept > /t/kept\nCOPY a /t/\nCOPY a /t/new/\n', a: 'a' },
      { names: ['kept:1'] },
    );
    assert.equal(await sh('kept:1', 'stat -c "%a %u:%g" /t /t/new; cat /t/kept /t/a /t/new/a'), '1777 3:4\n755 0:0\nkept\naa');
  });

  test('a linked COPY keeps its layer when what is below it changes', async () => {
    const fileOn = (base: string): Files => ({
      Dockerfile: `FROM busybox AS made\nRUN echo made > /made\nFROM busybox\nRUN echo ${base} > /base && mkdir /d && echo below > /d/below\nCOPY --link --chown=5:6 a /d/\nCOPY --link --from=made /made /d/\nADD --link a /new/dir/\nRUN cat /d/a\n`,
      a: 'a',
    });
    assert.deepEqual(await build(fileOn('one'), { names: ['linked:1'] }), [false, false, false, false, false, false]);
    assert.deepEqual(await build(fileOn('two'), { names: ['linked:2'] }), [true, false, true, true, true, false]);
    const [one, two] = ['linked:1', 'linked:2'].map((name) => host.engine.images.inspect(name).diffIds);
    assert.deepEqual(two?.slice(-3), one?.slice(-3));
    assert.notEqual(two?.at(-4), one?.at(-4));
    for (const [image, base] of [
      ['linked:1', 'one'],
      ['linked:2', 'two'],
    ] as const)
      assert.equal(await sh(image, 'cat /base /d/below /d/made /d/a /new/dir/a; stat -c %u:%g /d/a'), `${base}\nbelow\nmade\naa5:6\n`);
    // The image stands without the steps.
    await host.engine.builds.prune({ all: true });
    assert.equal(await sh('linked:2', 'cat /d/below /d/a'), 'below\na');
  });

  test("Docker's first builder wants a directory for several files, and some file for a pattern", async () => {
    const refused = (line: string, words: RegExp): Promise<void> =>
      assert.rejects(build({ Dockerfile: `FROM scratch\n${line}\n`, f1: '1', f2: '2' }, { sequential: true }), words);
    const several =
      /^OrlopError: When using (?:ADD|COPY) with more than one source file, the destination must be a directory and end with a \/$/;
    await refused('ADD f1 f2 test', several);
    await refused('COPY ["f1", "f2", "test"]', several);
    await refused('COPY f* test', several);
    await refused('COPY x* /test/', /COPY failed: no source files were specified/);
    assert.deepEqual(await build({ Dockerfile: 'FROM scratch\nCOPY f* /test/\n', f1: '1', f2: '2' }, { sequential: true }), [false]);
    assert.deepEqual(await build({ Dockerfile: 'FROM scratch\nCOPY x* f* test\n', f1: '1', f2: '2' }), [false]);
  });

  test("Docker's first builder puts one kind in the place of another, makes directories root's, and no volume over a file", async () => {
    const replacing = { Dockerfile: 'FROM scratch\nCOPY one /t/\nCOPY two /t/\n', 'one/a': '', 'one/b/c': '', 'two/a/d': '', 'two/b': '' };
    await assert.rejects(build(replacing), /cannot copy to non-directory: \/t\/a/);
    await build(replacing, { sequential: true });
    const owned = { Dockerfile: 'FROM busybox\nUSER 7\nWORKDIR /w/x\n' };
    await build(owned, { sequential: true, names: ['classic:1'] });
    await build(owned, { names: ['later:1'] });
    assert.equal(await sh('classic:1', 'stat -c %u /w/x'), '0\n');
    assert.equal(await sh('later:1', 'stat -c %u /w/x'), '7\n');
    const volume = { Dockerfile: 'FROM scratch\nCOPY a /foo\nVOLUME /new /foo\n', a: '' };
    await assert.rejects(build(volume, { sequential: true }), /cannot mount volume over existing file, file exists \/foo/);
    await build(volume);
  });

  test("Docker's first builder throws away what RUN does in volumes, and keeps what is copied there", async () => {
    const Dockerfile = `FROM busybox
RUN mkdir /v && echo before > /v/before
VOLUME /v /new/one
RUN mkdir -p /new/one && cat /v/before && echo lost | tee /v/lost /new/one/lost > /kept && chown 7 /v
COPY a /v/
`;
    await build({ Dockerfile, a: 'a' }, { sequential: true, names: ['volumes:1'] });
    await build({ Dockerfile, a: 'a' }, { names: ['volumes:2'] });
    const look = 'find /v /new -type f | sort | xargs; stat -c %u /v; cat /kept';
    assert.equal(await sh('volumes:1', look), '/v/a /v/before\n0\nlost\n');
    assert.equal(await sh('volumes:2', look), '/new/one/lost /v/a /v/before /v/lost\n7\nlost\n');
  });

  test('containers of steps stay where that is asked for, of one that fails too, and go like any other', async () => {
    const before = host.engine.containers.list({ all: true }).length;
    const file = { Dockerfile: 'FROM busybox\nRUN echo kept > /kept\nRUN true\nRUN echo left > /left; exit 3\n' };
    await assert.rejects(build(file, { sequential: true, keepSteps: true }), /exit code: 3/);
    const left = host.engine.containers.list({ all: true });
    assert.equal(left.length, before + 3);
    const shown = [];
    for (const { id } of left.slice(0, 3)) {
      shown.push(
        `${host.engine.containers.inspect(id).exitCode} ${(await host.engine.archives.changes(id)).map(({ path }) => path).join()}`,
      );
      await assert.rejects(host.engine.archives.commit(id, {}), /was a step of a build: it stands on no image/);
      await host.engine.containers.start(id);
      await host.exitCode(id);
      await host.engine.containers.remove(id, {});
    }
    assert.deepEqual(shown.toSorted(), ['0 ', '0 ', '3 /left']);
    assert.equal(host.engine.containers.list({ all: true }).length, before);
  });

  test('a directory is made for a user whom the image does not know, as root', async () => {
    await build({ Dockerfile: 'FROM busybox\nUSER nobody-there\nWORKDIR /w/y\nUSER root\n' }, { names: ['unknown:1'] });
    assert.equal(await sh('unknown:1', 'stat -c %u /w/y'), '0\n');
  });

  test('dockerfile is taken where there is no Dockerfile', async () => {
    assert.deepEqual(await build({ dockerfile: 'FROM scratch\nCOPY dockerfile /\n' }), [false]);
  });

  test('a check is no build of the history', async () => {
    const before = host.engine.builds.history().length;
    await build({ Dockerfile: 'FROM busybox\n' }, { check: true });
    assert.equal(host.engine.builds.history().length, before);
    await build({ Dockerfile: 'FROM busybox\n' });
    assert.equal(host.engine.builds.history().length, before + 1);
  });

  test('many files cost the disk no more than their layer, and come again from what was built', async () => {
    const files: Record<string, string> = { Dockerfile: 'FROM scratch\nCOPY . /all\n' };
    for (let at = 0; at < 2000; at++) files[`d${at % 50}/f${at}`] = `${at}\n`;
    assert.deepEqual(await build(files), [false]);
    assert.deepEqual(await build(files), [true]);
    assert.deepEqual(await build({ ...files, 'd1/f1': 'changed' }), [false]);
  });
});
