import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot, startEngine, whyNot, type TestEngine } from './harness.ts';

/** A directory with these files; it goes with the engine's. */
function contextIn(root: string, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(root, 'context-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

describe('builds and bad luck', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  const unfinished = (): string[] => readdirSync(join(engine.dataRoot, 'ingest'));
  const secretsLeft = (): string[] =>
    [join(engine.root, 'exec'), '/dev/shm'].flatMap((path) => readdirSync(path)).filter((name) => name.startsWith('orlop-secrets-'));

  test('kill -9 in the middle: finished steps are there, nothing else is, and the next build goes on from them', async () => {
    const before = secretsLeft();
    const Dockerfile = 'FROM busybox\nRUN echo once > /first\nRUN --mount=type=secret,id=s test -e /wait || sleep 1000\n';
    const directory = contextIn(engine.root, { Dockerfile, secret: 'x' });
    const args = ['build', '--network', 'none', '--progress', 'plain', '--secret', `id=s,src=${directory}/secret`];
    const building = engine.spawn(...args, directory);
    let said = '';
    building.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    for (const deadline = Date.now() + 30_000; !(await engine.must('ps', '--no-trunc')).includes('sleep') && Date.now() < deadline; )
      await delay(20);
    const closed = once(building, 'close');
    await engine.kill();
    await closed;
    await engine.start();
    assert.equal(await engine.must('ps', '-aq'), '', said);
    for (const deadline = Date.now() + 10_000; unfinished().length > 0 && Date.now() < deadline; ) await delay(20);
    assert.deepEqual(unfinished(), []);
    assert.deepEqual(
      secretsLeft().filter((name) => !before.includes(name)),
      [],
    );
    writeFileSync(join(directory, 'Dockerfile'), Dockerfile.replace('test -e /wait || sleep 1000', 'cat /first'));
    const { code, stderr } = await engine.orlop(...args, directory);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /RUN echo once > \/first\n(?:#\d+ .*\n|\n)*?#\d+ CACHED/);
    assert.match(await engine.must('build', 'history'), /failed/);
  });

  test('an interrupted build kills its step', async () => {
    const directory = contextIn(engine.root, { Dockerfile: 'FROM busybox\nRUN echo up && sleep 1000\n' });
    const building = engine.spawn('build', '--network', 'none', '--progress', 'plain', directory);
    let said = '';
    building.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/^#\d+ [\d.]+ up$/m.test(said)) building.kill('SIGINT');
    });
    const [code] = (await once(building, 'close')) as [number | null];
    assert.notEqual(code, 0, said);
    for (const deadline = Date.now() + 10_000; (await engine.must('ps', '-aq')) !== '' && Date.now() < deadline; ) await delay(20);
    assert.equal(await engine.must('ps', '-aq'), '');
  });

  test('links in a context lead nowhere but into it', async () => {
    const directory = contextIn(engine.root, {
      Dockerfile: 'FROM busybox\nCOPY absolute climbing /got/\nRUN --mount=type=bind,source=absolute,target=/m cat /m /got/*\n',
      'etc/hostname': 'inside\n',
    });
    symlinkSync('/etc/hostname', join(directory, 'absolute'));
    symlinkSync('../../../../../../etc/hostname', join(directory, 'climbing'));
    const { code, stderr } = await engine.orlop('build', '--network', 'none', '--progress', 'plain', directory);
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/ inside$/gm)?.length, 3, stderr);
  });

  test('links in an image lead nowhere but into it', async () => {
    const directory = contextIn(engine.root, {
      Dockerfile: `FROM busybox\nRUN ln -s ${engine.root}/stolen /out && ln -s ../../../..${engine.root} /up\nCOPY mine /out/a\nCOPY mine /up/b\nRUN cat ${engine.root}/stolen/a ${engine.root}/b\n`,
      mine: 'mine\n',
    });
    const { code, stderr } = await engine.orlop('build', '--network', 'none', '--progress', 'plain', directory);
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      readdirSync(engine.root).filter((name) => name === 'stolen' || name === 'b'),
      [],
    );
  });

  test('a context is read as it comes: the engine does not grow with it', async () => {
    const directory = contextIn(engine.root, { Dockerfile: 'FROM busybox\nCOPY Dockerfile /\n' });
    execFileSync('truncate', ['-s', '300M', join(directory, 'big')]);
    const peak = (): number => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${engine.pid()}/status`, 'utf8'))?.[1]);
    const before = peak();
    const { code, stderr } = await engine.orlopWith({ timeoutMs: 100_000 }, 'build', '--network', 'none', directory);
    assert.equal(code, 0, stderr);
    assert.ok(peak() - before < 150 * 1024, `it grew by ${peak() - before} KiB`);
  });

  test('a file with a gigabyte of holes in a context takes no memory', async () => {
    const directory = contextIn(engine.root, { Dockerfile: 'FROM scratch\nCOPY small /\n', small: 's' });
    execFileSync('truncate', ['-s', '1G', join(directory, 'holes')]);
    const peak = (): number => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${engine.pid()}/status`, 'utf8'))?.[1]);
    const before = peak();
    const { code, stderr } = await engine.orlopWith({ timeoutMs: 110_000 }, 'build', directory);
    assert.equal(code, 0, stderr);
    assert.ok(peak() - before < 150 * 1024, `it grew by ${peak() - before} KiB`);
  });

  test('equal builds at the same time run each step once, and come to the same image', async () => {
    const directory = contextIn(engine.root, {
      Dockerfile: 'FROM busybox\nRUN head -c 8 /dev/urandom > /x; sleep 1\nRUN head -c 8 /dev/urandom > /y\n',
    });
    const built = await Promise.all([1, 2, 3].map(() => engine.must('build', '--network', 'none', '-q', directory)));
    assert.equal(new Set(built).size, 1, built.join());
  });

  test('pruning while a build runs takes nothing that it needs', async () => {
    const steps = Array.from({ length: 12 }, (_, index) => `RUN echo ${index} > /${index}; sleep 0.1\n`).join('');
    const directory = contextIn(engine.root, {
      Dockerfile: `FROM busybox AS one\n${steps}FROM busybox\nCOPY --from=one /3 /11 /\nRUN cat /3 /11\n`,
    });
    let isBuilding = true;
    const building = engine
      .orlop('build', '--network', 'none', '--no-cache', '--progress', 'plain', '-t', 'pruned', directory)
      .finally(() => (isBuilding = false));
    let pruned = 0;
    for (; isBuilding; pruned++) {
      await engine.must('builder', 'prune', '-af');
      await engine.must('image', 'prune', '-f');
    }
    const { code, stderr } = await building;
    assert.equal(code, 0, stderr);
    assert.ok(pruned > 1, 'it was pruned while it ran');
    assert.equal(await engine.must('run', '--rm', '--network', 'none', 'pruned', 'cat', '/3', '/11'), '3\n11');
  });

  test('a context is kept between builds, also by an engine that was killed, until it is pruned', async () => {
    const directory = contextIn(engine.root, { Dockerfile: 'FROM scratch\nCOPY a b /\n', a: 'one', b: 'two', gone: 'x' });
    execFileSync('touch', ['-d', '2020-01-01', join(directory, 'a')]);
    const out = join(engine.root, 'kept-out');
    const build = async (): Promise<string> => {
      await engine.must('build', '-o', out, directory);
      return ['a', 'b'].map((name) => readFileSync(join(out, name), 'utf8')).join(' ');
    };
    const kept = (): string[] => readdirSync(join(engine.dataRoot, 'contexts'));
    assert.equal(await build(), 'one two');
    const before = kept();
    rmSync(join(directory, 'gone'));
    writeFileSync(join(directory, 'a'), 'new');
    execFileSync('touch', ['-d', '2020-01-01', join(directory, 'a')]);
    await engine.kill();
    await engine.start();
    assert.equal(await build(), 'new two');
    assert.deepEqual(kept(), before);
    assert.match(await engine.must('build', 'cache', 'ls'), /source\.local/);
    await engine.must('builder', 'prune', '--force');
    assert.deepEqual(kept(), []);
    assert.equal(await build(), 'new two');
  });

  test('a download with a wrong checksum is refused, with both', async () => {
    const server = createServer((_, answer) => answer.end('content'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const wrong = `sha256:${'0'.repeat(64)}`;
      const directory = contextIn(engine.root, { Dockerfile: `FROM scratch\nADD --checksum=${wrong} http://127.0.0.1:${port}/f /f\n` });
      const { code, stderr } = await engine.orlop('build', '--progress', 'plain', directory);
      assert.equal(code, 1);
      assert.match(stderr, /digest mismatch .*sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73.*sha256:0000/);
    } finally {
      server.close();
    }
  });

  test('a Dockerfile from standard input, and directories as further contexts', async () => {
    const directory = contextIn(engine.root, { one: '1' });
    const other = contextIn(engine.root, { 'sub/two': '2', 'sub/hidden': 'x', '.dockerignore': 'sub/hidden\n' });
    const input =
      'FROM busybox\nCOPY one /\nCOPY --from=other sub /s/\nRUN --mount=type=bind,from=other,target=/m find /m/sub /s /one -type f | sort\n';
    const words = ['build', '--network', 'none', '--progress', 'plain', '-f', '-', '--build-context', `other=${other}`, directory];
    const { code, stderr } = await engine.orlopWith({ input }, ...words);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stderr.match(/(?<= )\/\S+$/gm)?.slice(-3), ['/m/sub/two', '/one', '/s/two'], stderr);
  });

  test('progress as JSON is nothing but JSON', async () => {
    const directory = contextIn(engine.root, { Dockerfile: 'FROM busybox\nRUN echo raw\n' });
    const { code, stderr } = await engine.orlop('build', '--network', 'none', '--progress', 'rawjson', directory);
    assert.equal(code, 0, stderr);
    const events = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; text?: string });
    assert.ok(
      events.some(({ type, text }) => type === 'log' && text === 'raw\n'),
      stderr,
    );
  });

  test('a cache of steps can be taken out and filled', async () => {
    const directory = contextIn(engine.root, {
      Dockerfile: 'FROM busybox\nRUN --mount=type=cache,id=mine,target=/c cat /c/* ; echo kept > /c/kept\n',
      given: 'given\n',
    });
    const build = (): Promise<{ stderr: string }> =>
      engine.orlop('build', '--network', 'none', '--no-cache', '--progress', 'plain', directory);
    await build();
    const archive = join(engine.root, 'cache.tar');
    await engine.must('build', 'cache', 'export', 'mine', '-o', archive);
    assert.equal(execFileSync('tar', ['-xOf', archive, './kept'], { encoding: 'utf8' }), 'kept\n');
    execFileSync('tar', ['-C', directory, '-cf', archive, 'given']);
    await engine.must('build', 'cache', 'import', 'mine', '-i', archive);
    assert.match((await build()).stderr, / given\n(?:.*\n)*?.* kept$/m);
    assert.match((await engine.orlop('build', 'cache', 'export', 'nobody', '-o', archive)).stderr, /no cache nobody/);
  });

  test('a shell on what a failed step left', async () => {
    const directory = contextIn(engine.root, { Dockerfile: 'FROM busybox\nRUN echo made > /made; false\n' });
    const images = await engine.must('images', '-aq');
    const outcome = await engine.orlopWith({ input: 'cat /made\n' }, 'build', '--network', 'none', '--on-error', 'shell', directory);
    assert.equal(outcome.code, 1);
    assert.equal(outcome.stdout, 'made\n', outcome.stderr);
    assert.equal(await engine.must('images', '-aq'), images);
    assert.equal(await engine.must('ps', '-aq'), '');
  });

  test('on a terminal, steps are shown and overwritten', async () => {
    const directory = contextIn(engine.root, { Dockerfile: 'FROM busybox\nRUN echo seen; sleep 1\n' });
    const words = [join(projectRoot, 'bin/orlop'), '-H', engine.host, 'build', '--network', 'none', directory];
    const shown = execFileSync('script', ['-qec', `stty cols 80 rows 24; ${words.join(' ')}`, '/dev/null'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    assert.match(shown, / => => # seen\r\n/);
    assert.match(shown, /\x1b\[\d+A\x1b\[J\[\+\] Building [\d.]+s \(4\/4\) done\r\n/);
  });

  test('outputs: a directory, a tar, an archive that loads', async () => {
    const directory = contextIn(engine.root, { Dockerfile: 'FROM scratch\nCOPY a /dir/a\n', a: 'content' });
    const build = (...args: string[]): Promise<string> => engine.must('build', '--network', 'none', '-q', ...args, directory);
    await build('-o', join(directory, 'out'));
    assert.equal(readFileSync(join(directory, 'out/dir/a'), 'utf8'), 'content');
    await build('-o', `type=tar,dest=${directory}/out.tar`);
    assert.match(execFileSync('tar', ['-tf', join(directory, 'out.tar')], { encoding: 'utf8' }), /^dir\/a$/m);
    await build('-o', `type=docker,dest=${directory}/image.tar`, '-t', 'loaded:1');
    assert.doesNotMatch(await engine.must('images'), /loaded/);
    assert.match(await engine.must('load', '-i', `${directory}/image.tar`), /loaded:1/);
  });

  test('the same date gives the same image in another engine', async () => {
    const files = { Dockerfile: 'FROM scratch\nCOPY a b /d/\nWORKDIR /w\n', a: 'a', b: 'b' };
    await using other = await startEngine();
    const digests: string[] = [];
    for (const one of [engine, other]) {
      const directory = contextIn(one.root, files);
      const file = join(directory, '../metadata.json');
      await one.orlopWith(
        { env: { SOURCE_DATE_EPOCH: '1500000000' } },
        'build',
        '--network',
        'none',
        '-q',
        '--metadata-file',
        file,
        directory,
      );
      digests.push((JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>)['containerimage.digest'] ?? '');
    }
    assert.match(digests[0] ?? '', /^sha256:/);
    assert.equal(digests[0], digests[1]);
  });
});

describe('a build on a full disk', { skip: whyNot() }, () => {
  const disk = mkdtempSync(join(tmpdir(), 'orlop-disk-'));
  let engine: TestEngine;
  before(async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'orlop-test', disk]);
    engine = await startEngine([], join(disk, 'data'));
    await engine.must('template', 'build', 'busybox');
  });
  after(async () => {
    try {
      await engine[Symbol.asyncDispose]();
    } finally {
      execFileSync('umount', ['-l', disk]);
      rmSync(disk, { recursive: true });
    }
  });

  test('says so, and gives back what it took', async () => {
    const free = statfsSync(disk).bfree;
    const directory = contextIn(engine.root, { Dockerfile: 'FROM busybox\nCOPY big /\n' });
    execFileSync('sh', ['-c', `head -c 40M /dev/urandom > ${directory}/big`]);
    const { code, stderr } = await engine.orlop('build', '--network', 'none', '--progress', 'plain', directory);
    assert.equal(code, 1);
    assert.match(stderr, /full|space|ENOSPC/i);
    for (const deadline = Date.now() + 10_000; readdirSync(join(engine.dataRoot, 'ingest')).length > 0 && Date.now() < deadline; )
      await delay(20);
    assert.deepEqual(readdirSync(join(engine.dataRoot, 'ingest')), []);
    assert.ok(statfsSync(disk).bfree >= free - 64, 'blocks stay used');
    assert.equal(await engine.must('ps', '-aq'), '');
  });
});
