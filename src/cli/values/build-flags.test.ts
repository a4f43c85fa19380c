import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { offerContext, readIgnoreFile } from '#client';
import { isOrlopError } from '#errors';
import type { BuildRequest } from '#wire';
import { parseArguments } from '../arguments/parse.ts';
import { findCommand } from '../commands/index.ts';
import { readCacheSource, readCacheTarget } from './build-cache-flags.ts';
import { readBuildFlags, readNamedContexts, readOutput } from './build-flags.ts';

async function flags(words: readonly string[], env: Record<string, string> = {}): Promise<BuildRequest> {
  const found = findCommand(['build']);
  assert.ok(found !== undefined);
  return readBuildFlags(parseArguments(found.command, [...words, '.']), env);
}

describe('flags of a build', () => {
  test('build arguments: as given, from the environment, or left out', async () => {
    const { buildArgs } = await flags(['--build-arg', 'A=1=2', '--build-arg', 'B', '--build-arg', 'C', '--build-arg', 'D='], {
      B: 'b',
      SOURCE_DATE_EPOCH: '5',
    });
    assert.deepEqual(buildArgs, { A: '1=2', B: 'b', D: '', SOURCE_DATE_EPOCH: '5' });
  });

  test('secrets from files and variables', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-secret-'));
    t.after(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'f'), 'file');
    const { secrets = {} } = await flags(
      [
        '--secret',
        `id=a,src=${directory}/f`,
        '--secret',
        'id=b,env=VAR',
        '--secret',
        'id=VAR',
        '--secret',
        `type=file,id=c,source=${directory}/f`,
      ],
      { VAR: 'var' },
    );
    const plain = Object.fromEntries(Object.entries(secrets).map(([id, text]) => [id, Buffer.from(text, 'base64').toString()]));
    assert.deepEqual(plain, { a: 'file', b: 'var', VAR: 'var', c: 'file' });
    await assert.rejects(flags(['--secret', `id=a,src=${directory}/none`]), (error) => isOrlopError(error, 'not-found'));
    await assert.rejects(flags(['--secret', 'id=a,typo=x']), /unexpected key "typo"/);
  });

  test('agents, and keys that are none', async () => {
    assert.deepEqual((await flags(['--ssh', 'default', '--ssh', 'other=/run/x'], { SSH_AUTH_SOCK: '/run/agent' })).ssh, {
      default: '/run/agent',
      other: '/run/x',
    });
    await assert.rejects(flags(['--ssh', 'default']), (error) => isOrlopError(error, 'failed-precondition'));
    await assert.rejects(flags(['--ssh', `default=${import.meta.filename}`]), (error) => isOrlopError(error, 'unimplemented'));
  });

  test('outputs', () => {
    const of = (...entries: string[]): string => {
      const { kind, dest = '', isDirectory } = readOutput(entries);
      return `${kind} ${dest}${isDirectory ? '/' : ''}`;
    };
    assert.deepEqual(
      [
        of(),
        of('out'),
        of('-'),
        of('type=local,dest=x'),
        of('type=tar,dest=x'),
        of('type=docker'),
        of('type=docker,dest=x'),
        of('type=oci'),
        of('type=cacheonly'),
      ],
      ['image ', 'tar out/', 'tar -', 'tar x/', 'tar x', 'image ', 'docker x', 'oci -', 'none '],
    );
    assert.equal(readOutput(['type=registry,name=a/b']).isPushed, true);
    assert.throws(() => readOutput(['type=oci,push=true']), /only images/);
    assert.throws(() => readOutput(['type=what']), /the type is/);
    assert.throws(() => readOutput(['type=image,push=perhaps']), /push is true or false/);
  });

  test('named contexts: what is sent has a number', () => {
    assert.deepEqual(readNamedContexts(['a=dir', 'b=docker-image://x:1', 'c=https://example.com/x.git', 'd=../e']), {
      contexts: {
        a: { kind: 'sent', stream: 0 },
        b: { kind: 'image', reference: 'x:1' },
        c: { kind: 'remote', url: 'https://example.com/x.git' },
        d: { kind: 'sent', stream: 1 },
      },
      directories: ['dir', '../e'],
    });
  });
});

test('a context has what is not ignored, in order, and belongs to root', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-context-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const files = ['Dockerfile', 'a', 'node_modules/x/y', 'sub/keep', 'sub/drop', '.dockerignore', 'b.log', '-dash'];
  for (const path of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), path === '.dockerignore' ? 'node_modules\nsub\n!sub/keep\n*.log\n' : path);
  }
  symlinkSync('/etc/passwd', join(directory, 'link'));
  const pieces: Uint8Array[] = [];
  const context = offerContext(directory, await readIgnoreFile(directory, join(directory, 'Dockerfile')));
  const listed = await Array.fromAsync(context.list(), ({ path }) => path);
  for await (const piece of context.take(listed.keys().toArray())) pieces.push(piece);
  const { stdout } = spawnSync('tar', ['-tvf', '-', '--numeric-owner'], { input: Buffer.concat(pieces), encoding: 'utf8' });
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/\s+/));
  assert.deepEqual(
    rows.map((row) => row[5]),
    ['./-dash', './.dockerignore', './Dockerfile', './a', './link', './sub/keep'],
  );
  assert.deepEqual(
    listed,
    rows.map((row) => row[5]?.slice(2)),
  );
  assert.ok(rows.every((row) => row[1] === '0/0'));
});

test('a file of a context is marked by what changes with it, and by nothing while it may yet change unseen', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-context-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const stamps = async (): Promise<string[]> => Array.fromAsync(offerContext(directory, null).list(), ({ stamp }) => stamp);
  writeFileSync(join(directory, 'a'), 'one');
  assert.deepEqual(await stamps(), ['']);
  // The same file long after: only the kernel sets the time of a change.
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 10_000 });
  const [before = ''] = await stamps();
  assert.notEqual(before, '');
  assert.deepEqual(await stamps(), [before]);
  chmodSync(join(directory, 'a'), 0o600);
  assert.notDeepEqual(await stamps(), [before]);
});

test('names of one file of a context are sent together, so that they stay one', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-context-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'a'), 'one');
  writeFileSync(join(directory, 'b'), 'two');
  linkSync(join(directory, 'a'), join(directory, 'c'));
  const context = offerContext(directory, null);
  await Array.fromAsync(context.list());
  const tar = Buffer.concat(await Array.fromAsync(context.take([2])));
  const { stdout } = spawnSync('tar', ['-tvf', '-'], { input: tar, encoding: 'utf8' });
  assert.match(stdout, /^-.* \.\/a\nh.* \.\/c link to \.\/a\n$/);
});

test('caches of builds', () => {
  assert.deepEqual(readCacheSource('host/a:1'), { kind: 'registry', reference: 'host/a:1' });
  assert.deepEqual(readCacheSource('type=local,src=/d,tag=t'), { kind: 'local', directory: '/d', tag: 't' });
  assert.deepEqual(readCacheTarget('type=registry,ref=a,mode=max,ignore-error=true'), {
    kind: 'registry',
    reference: 'a',
    mode: 'max',
    ignoreErrors: true,
  });
  assert.deepEqual(readCacheTarget('type=inline'), { kind: 'inline', mode: 'min' });
  assert.deepEqual(readCacheTarget('type=local,dest=/d'), { kind: 'local', directory: '/d', mode: 'min' });
  for (const entry of [
    'type=gha',
    'type=s3,bucket=b',
    'type=registry',
    'type=local',
    'type=registry,ref=a,mode=most',
    'type=inline,mode=max',
    'type=registry,ref=a,compression=gzip',
    'what=1',
  ])
    assert.throws(() => readCacheTarget(entry), entry);
  for (const entry of ['type=gha', 'type=registry', 'type=local', 'type=local,src=/d,x=1'])
    assert.throws(() => readCacheSource(entry), entry);
});
