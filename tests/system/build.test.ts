import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

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
