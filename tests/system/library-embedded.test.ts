import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { openEngine } from '#library';
import { whyNot } from './harness.ts';
import { assertNothingLeft, marksOf } from './leaks.ts';
import { startLibraryProgram } from './library-programs.ts';

/** Opens an engine with a container in a network, says where it is, and stays. */
const opening = `
const engine = await orlop.openEngine();
await engine.client.templates.build('busybox');
const network = await engine.networks.create();
const volume = await engine.volumes.create();
const mounts = [{ type: 'volume', source: volume.name, target: '/v' }];
const container = await engine.run({ image: 'busybox', command: ['sleep', '100000'], network: network.name, mounts, restart: 'always' });
console.log(JSON.stringify({ directory: engine.directory, pid: engine.pid }));
`;

const staying = `${opening}setInterval(() => {}, 60_000);`;

async function until(is: () => boolean): Promise<void> {
  while (!is()) await delay(20);
}

function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

async function nothingLeftOf({ directory, pid }: { directory: string; pid: number }): Promise<void> {
  await until(() => !isRunning(pid));
  assert.equal(existsSync(directory), false);
  await assertNothingLeft(marksOf(directory, join(directory, 'data')));
}

type Said = { directory: string; pid: number };

describe("an engine of a program's own", { skip: whyNot() }, () => {
  test('goes with a program that is killed, with all that it made', async () => {
    const program = startLibraryProgram(staying);
    const said = JSON.parse(await program.line()) as Said;
    assert.equal(isRunning(said.pid), true);
    await program.kill();
    await nothingLeftOf(said);
  });

  test('goes with a program that ends by itself, and keeps none alive', async () => {
    const program = startLibraryProgram(opening);
    const said = JSON.parse(await program.line()) as Said;
    assert.equal(await program.ended(), 0);
    await nothingLeftOf(said);
  });

  test('is gone when it is closed, even if it was killed before', async () => {
    const program = startLibraryProgram(`${opening}
      process.kill(engine.pid, 'SIGKILL');
      while (await engine.client.ping().then(() => true, () => false));
      await engine.close();
      console.log('closed');
    `);
    const said = JSON.parse(await program.line()) as Said;
    assert.equal(await program.line(), 'closed');
    assert.equal(await program.ended(), 0);
    await nothingLeftOf(said);
  });

  test('keeps images and volumes in a directory that it is given, and no container', async () => {
    const root = mkdtempSync(join(tmpdir(), 'orlop-embedded-'));
    const directory = join(root, 'engine');
    try {
      {
        await using engine = await openEngine({ directory, sandboxesReady: 0 });
        await engine.client.templates.build('busybox');
        await engine.volumes.create({ name: 'kept' }).then((volume) => volume.keep());
        await engine.run({ image: 'busybox', command: ['sleep', '1000'] });
        await assert.rejects(openEngine({ directory }), { code: 'LIBRARY_NO_ENGINE', message: /another engine/ });
        await engine.client.ping();
      }
      {
        await using engine = await openEngine({ directory, sandboxesReady: 0 });
        const { stdout } = await engine.runToEnd({ image: 'busybox', command: ['echo', 'again'], pull: 'never' });
        assert.equal(stdout, 'again\n');
        assert.deepEqual(
          (await engine.volumes.list()).map(({ Name }) => Name),
          ['kept'],
        );
        assert.deepEqual(await engine.containers.list({ all: true }), []);
      }
    } finally {
      await assertNothingLeft(marksOf(directory, join(directory, 'data')));
      rmSync(root, { recursive: true, force: true });
    }
  });

  test('is refused without root, and given up by a signal, without a trace', async () => {
    await assert.rejects(openEngine({ signal: AbortSignal.abort() }), { kind: 'cancelled' });
    const controller = new AbortController();
    const opened = openEngine({ signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(opened, { kind: 'cancelled' });
    const program = startLibraryProgram(
      `await orlop.openEngine().catch((error) => console.log(error.kind, error.code, typeof error.hint));`,
      {},
      { uid: 65_534 },
    );
    assert.equal(await program.line(), 'permission-denied LIBRARY_NOT_ROOT string');
  });
});
