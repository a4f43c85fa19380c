import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createRegistryServer, openDirectoryStorage } from '#api/registry';
import { createLogger } from '#log';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

/** How often each command is cut off; `ORLOP_CRASHES=20` makes a hundred. */
const rounds = Number(process.env['ORLOP_CRASHES'] ?? 1);
const image = 'crash/image:1';

/** A command that changes the store, and how to bring about that it has everything to do. */
interface Work {
  readonly what: string;
  prepare(round: number): Promise<void>;
  command(round: number): readonly string[];
}

/** A registry of its own directory, in this process: it does not die. */
async function openRegistry(root: string): Promise<AsyncDisposable & { readonly host: string }> {
  await using undo = new AsyncDisposableStack();
  const storage = undo.use(await openDirectoryStorage({ root }));
  const server = undo.use(createRegistryServer({ storage, logger: createLogger({ sink: () => undefined }) }));
  const host = `127.0.0.1:${await server.listen('127.0.0.1', 0)}`;
  const kept = undo.move();
  return { host, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function makeTree(directory: string, files: number): void {
  for (let at = 0; at < files; at += 1) {
    const place = join(directory, `d${at % 10}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, `file${at}`), randomBytes(25_000));
  }
}

const missing = whyNot() || (existsSync('/bin/busybox') ? false : 'needs /bin/busybox (busybox-static)');

describe('the engine is killed in the middle of work on images', { skip: missing }, () => {
  let engine: TestEngine;
  let archive: string;
  const open = new AsyncDisposableStack();
  let source: { readonly host: string };
  /** New for each push, so that nothing is there yet. */
  let target: { readonly host: string };

  before(async () => {
    engine = open.use(await startEngine());
    archive = join(engine.root, 'archive.tar');
    source = open.use(await openRegistry(join(engine.root, 'source')));
    await importTree('small', 0);
    await importTree('large', 400);
    await change('crash/large:1');
    await engine.must('commit', 'changed', image);
    await engine.must('save', '-o', archive, image);
    await engine.must('tag', image, `${source.host}/app:1`);
    await engine.must('push', `${source.host}/app:1`);
    // Of the image that is loaded and pulled nothing is to be here before: the container that is committed stands on another.
    await engine.must('rm', '-f', 'changed');
    await change('crash/small:1');
  });
  after(() => open.disposeAsync());

  /** An image of a program that writes files, and of some files. */
  const importTree = async (name: string, files: number): Promise<void> => {
    const tree = join(engine.root, name);
    mkdirSync(tree);
    copyFileSync('/bin/busybox', join(tree, 'busybox'));
    makeTree(tree, files);
    assert.equal(spawnSync('tar', ['-C', tree, '-cf', `${tree}.tar`, '.']).status, 0);
    await engine.must('import', `${tree}.tar`, `crash/${name}:1`);
  };
  /** A container that runs, so that nothing prunes it, and has written files. */
  const change = async (of: string): Promise<void> => {
    await engine.must('run', '-d', '--name', 'changed', '--network', 'none', of, '/busybox', 'sleep', '7200');
    const script = 'for at in $(/busybox seq 200); do /busybox head -c 25000 /dev/urandom >/file$at; done';
    await engine.must('exec', 'changed', '/busybox', 'sh', '-c', script);
  };
  const forgetAll = (): Promise<string> => engine.must('system', 'prune', '-a', '-f');
  const works: readonly Work[] = [
    {
      what: 'pull',
      prepare: async () => void (await forgetAll()),
      command: () => ['pull', `${source.host}/app:1`],
    },
    {
      what: 'load',
      prepare: async () => void (await forgetAll()),
      command: () => ['load', '-q', '-i', archive],
    },
    {
      what: 'push',
      async prepare(round) {
        await engine.must('load', '-q', '-i', archive);
        target = open.use(await openRegistry(join(engine.root, `target-${round}`)));
        await engine.must('tag', image, `${target.host}/app:1`);
      },
      command: () => ['push', `${target.host}/app:1`],
    },
    {
      what: 'commit',
      prepare: async () => void (await forgetAll()),
      command: (round) => ['commit', 'changed', `crash/committed:after${round + 1}`],
    },
    {
      what: 'collection',
      prepare: async () => void (await engine.must('load', '-q', '-i', archive)),
      command: () => ['system', 'prune', '-a', '-f'],
    },
  ];

  for (const { what, prepare, command } of works) {
    test(`a ${what}: the store passes its check, and the command succeeds when it is repeated`, async (t) => {
      await prepare(-1);
      const began = performance.now();
      await engine.must(...command(-1));
      const wholeMs = performance.now() - began;
      let cutOff = 0;
      for (let round = 0; round < rounds; round += 1) {
        await prepare(round);
        const client = engine.spawn(...command(round));
        client.stdout?.resume();
        client.stderr?.resume();
        const closed = once(client, 'close');
        // Any moment will do: nothing is expected of the time itself.
        await delay(Math.random() * wholeMs * 0.8);
        await engine.kill();
        const [code] = (await closed) as [number | null];
        cutOff += code === 0 ? 0 : 1;
        await engine.start();
        await engine.must('system', 'check');
        await engine.must(...command(round));
        await engine.must('system', 'check');
      }
      t.diagnostic(`${cutOff} of ${rounds} were cut off before they were done`);
    });
  }
});
