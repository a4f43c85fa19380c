import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { eventually, startEngine, whyNot, type TestEngine } from './harness.ts';

describe('machines that come and go with their host', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const orders = { db: 30, app: 20, stuck: 15, web: 10 } as const;
  const names = Object.keys(orders) as (keyof typeof orders)[];

  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
    for (const name of names) {
      const settings = [
        'boot.autostart=true',
        `boot.autostart.order=${orders[name]}`,
        ...(name === 'db' ? ['boot.autostart.delay=2s'] : []),
      ];
      const set = settings.flatMap((setting) => ['--set', setting]);
      if (name !== 'stuck') {
        await engine.must('launch', ...set, 'busybox', name);
        continue;
      }
      const flags = ['--name', name, ...set, '--set', 'boot.stop.timeout=2s', '--network', 'none'];
      // It does not end for being asked.
      await engine.must('run', '-d', ...flags, 'busybox', 'sh', '-c', "trap '' TERM; while :; do sleep 0.2; done");
    }
  });
  after(() => engine[Symbol.asyncDispose]());

  const startOf = async (name: string): Promise<number> => Date.parse(await engine.must('inspect', '-f', '{{.State.StartedAt}}', name));
  /** While no engine runs: one that starts them again forgets it. ms since the epoch. */
  const endsOf = (): Map<string, number> => {
    using database = new DatabaseSync(join(engine.dataRoot, 'orlop.db'), { readOnly: true, timeout: 10_000 });
    const rows = database.prepare("SELECT name, json_extract(record, '$.state.finishedAtNs') AS ended FROM containers").all();
    return new Map(rows.map(({ name, ended }) => [String(name), Number(BigInt(String(ended).replace(/n$/, '')) / 1_000_000n)]));
  };
  const status = (name: string): Promise<string> => engine.must('inspect', '-f', '{{.State.Status}}', name);
  const allRun = (): Promise<string> =>
    eventually(
      async () => (await Promise.all(names.map(status))).join(' '),
      (answer) => answer === names.map(() => 'running').join(' '),
    );
  /** Until the engine has ended itself. */
  const shutDown = async (): Promise<void> => {
    await engine.must('system', 'shutdown', '--force');
    await eventually(
      async () => String((await engine.orlop('version')).code),
      (code) => code !== '0',
    );
  };

  test('stop in reverse, each with its own timeout, and start in order, with a delay', async () => {
    await shutDown();
    const ends = endsOf();
    const [db = 0, app = 0, stuck = 0, web = 0] = names.map((name) => ends.get(name));
    assert.ok(web > 0 && stuck - web >= 1_900, `stuck had ${stuck - web} ms for its end`);
    assert.ok(app > stuck && db > app, `web ${web}, stuck ${stuck}, app ${app}, db ${db}`);
    await engine.start();
    await allRun();
    const started = await Promise.all(names.map(startOf));
    assert.deepEqual(
      started,
      started.toSorted((a, b) => a - b),
      'db first, web last',
    );
    assert.ok((started[1] ?? 0) - (started[0] ?? 0) >= 1_900, `app came ${(started[1] ?? 0) - (started[0] ?? 0)} ms after db`);
  });

  test('all run again after an engine that was killed in the middle of its shutdown', async () => {
    const shutdown = engine.spawn('system', 'shutdown', '--force');
    shutdown.stdout?.resume();
    shutdown.stderr?.resume();
    const ended = once(shutdown, 'close');
    await eventually(
      () => status('web'),
      (answer) => answer === 'exited',
    );
    assert.deepEqual([await status('stuck'), await status('db')], ['running', 'running']);
    await engine.kill();
    await ended;
    await engine.start();
    await allRun();
  });

  test('all run after an engine that was killed in the middle of starting them, and what ran already was left alone', async () => {
    await shutDown();
    await engine.start();
    await eventually(
      () => status('db'),
      (answer) => answer === 'running',
    );
    assert.notEqual(await status('app'), 'running');
    const began = await startOf('db');
    await engine.kill();
    await engine.start();
    await allRun();
    assert.equal(await startOf('db'), began);
  });
});
