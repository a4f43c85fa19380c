import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

/** How often each command is cut off; `ORLOP_KILLS=20` makes hundreds. */
const rounds = Number(process.env['ORLOP_KILLS'] ?? 1);

interface Inspected {
  readonly State: { readonly Status: string; readonly Pid: number };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

/** A command, what has to be there for it, what may be found after the engine died in the middle, and what holds once it was repeated. */
interface Work {
  readonly what: string;
  readonly prepare?: () => Promise<unknown>;
  readonly command: readonly string[];
  /** Before the repetition: nothing half-done may show. */
  readonly meanwhile?: () => Promise<unknown>;
  /** Words with which the repetition may be refused because the first one was done. */
  readonly done?: RegExp;
  readonly afterwards: () => Promise<unknown>;
}

describe('the engine is killed in the middle of a command', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
    await engine.must('network', 'create', 'other');
  });
  after(() => engine[Symbol.asyncDispose]());

  const inspect = async (name: string): Promise<Inspected> => {
    const [found] = JSON.parse(await engine.must('inspect', '--type', 'container', name)) as [Inspected];
    return found;
  };
  const status = async (name: string): Promise<string> => (await inspect(name)).State.Status;
  const isThere = async (name: string): Promise<boolean> => (await engine.orlop('inspect', '--type', 'container', name)).code === 0;
  const sleeper = ['busybox', 'sleep', '1000'];
  const run = (): Promise<string> => engine.must('run', '-d', '--name', 'box', '--stop-timeout', '0', ...sleeper);
  /** What the engine says of addresses is what there is. */
  const agreesOnAddresses = async (): Promise<void> => {
    const { State, NetworkSettings } = await inspect('box');
    const text = execFileSync('nsenter', ['-t', String(State.Pid), '-n', 'ip', '-j', '-4', 'address'], { encoding: 'utf8' });
    const links = JSON.parse(text) as { ifname: string; addr_info: { local: string }[] }[];
    const inside = links.filter(({ ifname }) => ifname !== 'lo').flatMap(({ addr_info }) => addr_info.map(({ local }) => local));
    assert.deepEqual(
      inside.toSorted(),
      Object.values(NetworkSettings.Networks)
        .map(({ IPAddress }) => IPAddress)
        .toSorted(),
    );
  };

  const works: readonly Work[] = [
    {
      what: 'create',
      command: ['create', '--name', 'box', '-v', '/data', ...sleeper],
      done: /already in use/,
      async meanwhile() {
        if (await isThere('box')) await engine.must('start', 'box');
      },
      afterwards: () => engine.must('start', 'box'),
    },
    {
      what: 'start',
      prepare: () => engine.must('create', '--name', 'box', '--stop-timeout', '0', ...sleeper),
      command: ['start', 'box'],
      afterwards: async () => {
        assert.equal(await engine.must('exec', 'box', 'echo', 'in'), 'in');
        await agreesOnAddresses();
      },
    },
    {
      what: 'run --rm',
      command: ['run', '-d', '--rm', '--name', 'box', ...sleeper],
      done: /already in use/,
      async meanwhile() {
        // Made and not started, it has gone with its engine.
        if (await isThere('box')) assert.equal(await status('box'), 'running');
      },
      afterwards: async () => assert.equal(await status('box'), 'running'),
    },
    { what: 'stop', prepare: run, command: ['stop', 'box'], afterwards: async () => assert.equal(await status('box'), 'exited') },
    {
      what: 'restart',
      prepare: run,
      command: ['restart', 'box'],
      async meanwhile() {
        for (const deadline = Date.now() + 20_000; (await status('box')) !== 'running'; await delay(20)) assert.ok(Date.now() < deadline);
      },
      afterwards: agreesOnAddresses,
    },
    {
      what: 'rename',
      prepare: run,
      command: ['rename', 'box', 'renamed'],
      done: /No such container: box/,
      async meanwhile() {
        assert.notEqual(await isThere('box'), await isThere('renamed'));
      },
      afterwards: () => engine.must('rename', 'renamed', 'box'),
    },
    {
      what: 'update',
      prepare: run,
      command: ['update', '-m', '96m', '--memory-swap', '96m', 'box'],
      afterwards: async () => assert.equal(await engine.must('inspect', '-f', '{{.HostConfig.Memory}}', 'box'), String(96 * 2 ** 20)),
    },
    {
      what: 'network connect',
      prepare: run,
      command: ['network', 'connect', 'other', 'box'],
      done: /already|exists/,
      afterwards: async () => {
        await agreesOnAddresses();
        assert.ok('other' in (await inspect('box')).NetworkSettings.Networks);
      },
    },
    {
      what: 'network disconnect',
      prepare: async () => {
        await run();
        await engine.must('network', 'connect', 'other', 'box');
      },
      command: ['network', 'disconnect', 'other', 'box'],
      done: /not connected/,
      afterwards: agreesOnAddresses,
    },
    {
      what: 'commit',
      prepare: run,
      command: ['commit', 'box', 'cut/off:1'],
      meanwhile: async () => assert.equal(await status('box'), 'running'),
      afterwards: async () => assert.equal(await engine.must('run', '--rm', 'cut/off:1', 'echo', 'whole'), 'whole'),
    },
    {
      what: 'exec',
      prepare: run,
      command: ['exec', 'box', 'sh', '-c', 'echo in; sleep 0.05'],
      afterwards: async () => assert.equal(await engine.must('exec', 'box', 'echo', 'in'), 'in'),
    },
    {
      what: 'volume create',
      command: ['volume', 'create', 'bag'],
      afterwards: () => engine.must('run', '--rm', '-v', 'bag:/bag', 'busybox', 'touch', '/bag/file'),
    },
    {
      what: 'prune',
      prepare: () => engine.must('create', '--name', 'pruned', ...sleeper),
      command: ['container', 'prune', '-f'],
      afterwards: async () => assert.equal(await isThere('pruned'), false),
    },
    {
      what: 'rm -f',
      prepare: run,
      command: ['rm', '-f', 'box'],
      done: /No such container/,
      afterwards: async () => assert.equal(await isThere('box'), false),
    },
  ];

  for (const { what, prepare, command, meanwhile, done, afterwards } of works) {
    test(`${what}: the next engine shows nothing half-done, and the command succeeds when it is repeated`, async (t) => {
      let cutOff = 0;
      for (let round = 0; round < rounds; round++) {
        await prepare?.();
        const first = engine.orlop(...command);
        // Any moment will do: nothing is expected of the time itself.
        await delay(Math.random() * 50);
        await engine.kill();
        cutOff += (await first).code === 0 ? 0 : 1;
        await engine.start();
        await meanwhile?.();
        const second = await engine.orlop(...command);
        assert.ok(second.code === 0 || done?.test(second.stderr) === true, second.stderr);
        await afterwards();
        for (const name of ['box', 'renamed']) if (await isThere(name)) await engine.must('rm', '-f', '-v', name);
      }
      t.diagnostic(`${cutOff} of ${rounds} were cut off before they were done`);
    });
  }

  test('an update of the engine leaves containers, published ports and their data alone; what clients follow ends with it', async () => {
    await engine.must(
      'run',
      '-d',
      '--name',
      'web',
      '-p',
      '127.0.0.1::80',
      'busybox',
      'sh',
      '-c',
      'mkdir /w; echo page >/w/index.html; exec httpd -f -p 80 -h /w',
    );
    const address = (await engine.must('port', 'web', '80')).trim();
    const page = async (): Promise<string> => (await fetch(`http://${address}/`)).text();
    for (let tries = 0; (await page().catch(() => '')) !== 'page\n'; tries++) {
      assert.ok(tries < 200);
      await delay(20);
    }
    const followed = engine.orlop('logs', '-f', 'web');
    await engine.must('exec', '-d', 'web', 'sh', '-c', 'while [ ! -e /stop ]; do sleep 0.05; done; echo done >/done');
    await delay(300);
    await engine.kill();
    // The kernel carries it: there is no engine.
    assert.equal(await page(), 'page\n');
    assert.match((await followed).stderr, /went away in the middle/);
    await engine.start();
    assert.equal(await page(), 'page\n');
    await engine.must('exec', 'web', 'touch', '/stop');
    for (let tries = 0; (await engine.orlop('exec', 'web', 'cat', '/done')).stdout !== 'done\n'; tries++) {
      assert.ok(tries < 200, 'a process that was entered before did not go on');
      await delay(20);
    }
    await engine.must('rm', '-f', 'web');
  });
});
