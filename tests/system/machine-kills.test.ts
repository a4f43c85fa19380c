import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../clients/engine-home.ts';
import { eventually, startEngine, whyNot, type TestEngine } from './harness.ts';
import { openKillPoints, type KillPoints } from './kill-points.ts';

/** Steps of each command before which the engine is killed: some, at random; all of them with `ORLOP_ALL_STEPS=1`. */
const wanted = process.env['ORLOP_ALL_STEPS'] === '1' ? Number.POSITIVE_INFINITY : Number(process.env['ORLOP_KILLS'] ?? 1);

/** A command, what has to be there for it, and what may be found when the engine died in the middle. */
interface Work {
  readonly what: string;
  readonly prepare: () => Promise<unknown>;
  readonly command: () => readonly string[];
  /** Before the repetition: throws for anything half-done. */
  readonly meanwhile: () => Promise<unknown>;
  /** Words with which the repetition may be refused because the first one was done. */
  readonly done?: RegExp;
  /** What holds when it was done. */
  readonly afterwards: () => Promise<unknown>;
}

/** What the container that all is about makes at its first start. */
const files = '[ -e /data ] || { mkdir /data; echo precious > /data/file; seq 3000 > /bulk; echo -n > /state; }';
/** Each start adds a line to /state. */
const script = `${files}; echo run >> /state`;
const large = randomBytes(50_000).toString('hex');
/** Adds none, and goes on until it is stopped. */
const loop = `${files}; trap 'exit 0' TERM; while :; do sleep 0.05; done`;

describe('the engine is killed at a step of what it does with whole containers', {
  skip: whyNot() || (findProgram('cc') === null ? 'needs a C compiler' : false),
}, () => {
  const open = new AsyncDisposableStack();
  let points: KillPoints;
  let engine: TestEngine;
  let other: TestEngine;
  let archive: string;
  let images: string[];
  let layers: number;

  before(async () => {
    points = open.use(await openKillPoints());
    engine = open.use(await startEngine([], undefined, points.env));
    other = open.use(await startEngine());
    archive = join(engine.root, 'backup.tar');
    writeFileSync(join(engine.root, 'large'), large);
    await engine.must('template', 'build', '-q', 'busybox');
    await engine.must('run', '--name', 'maker', 'busybox', 'sh', '-c', 'echo 2 > /version');
    await engine.must('publish', 'maker', 'second:1');
    await engine.must('rm', 'maker');
    await box();
    await engine.must('backup', 'create', 'box', '-o', archive);
    await engine.must('rm', '-f', 'box');
    images = await imagesOf(engine);
    layers = await settledLayers();
  });
  after(() => open.disposeAsync());

  const words = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  const imagesOf = async (of: TestEngine): Promise<string[]> =>
    words(await of.must('images', '-a', '--digests', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')).toSorted();
  const namesOf = async (of: TestEngine): Promise<string[]> => words(await of.must('ps', '-a', '--format', '{{.Names}}'));

  /** How many layers there are once nothing is left to be taken away. */
  const settledLayers = async (): Promise<number> => {
    for (const deadline = Date.now() + 15_000; ; await delay(50)) {
      const { store } = JSON.parse(await engine.must('system', 'df', '-v', '--json')) as Usage;
      if (store.garbage.count === 0) return store.layers.count;
      assert.ok(Date.now() < deadline, `garbage stays: ${JSON.stringify(store)}`);
    }
  };

  /** Stopped after three runs, with snapshots `one` and `two` of the first two. */
  async function box(): Promise<void> {
    await engine.must('run', '--name', 'box', '--network', 'none', 'busybox', 'sh', '-c', script);
    for (const name of ['one', 'two']) {
      await engine.must('snapshot', 'box', name);
      await engine.must('start', '-a', 'box');
    }
  }
  /** Running, with two lines in /state, and with a snapshot `one` of the time when there was one. */
  async function runningBox(): Promise<void> {
    await engine.must('run', '-d', '--name', 'box', '--network', 'none', 'busybox', 'sh', '-c', loop);
    await eventually(
      async () => (await read('box', '/state')) ?? 'none',
      (state) => state === '',
    );
    await engine.must('exec', 'box', 'sh', '-c', 'echo run >> /state');
    await engine.must('snapshot', 'box', 'one');
    await engine.must('exec', 'box', 'sh', '-c', 'echo run >> /state');
  }
  /** Without anybody's help. */
  const runs = (name: string): Promise<string> =>
    eventually(
      () => engine.must('inspect', '-f', '{{.State.Status}}', name),
      (status) => status === 'running',
    );

  /** A file of a container, running or not; null: there is none. */
  const read = async (name: string, path: string, of = engine): Promise<string | null> => {
    const file = join(of.root, 'read');
    rmSync(file, { force: true });
    const { code, stderr } = await of.orlop('cp', `${name}:${path}`, file);
    if (code === 0) return readFileSync(file, 'utf8');
    assert.match(stderr, /Could not find|no such file|not found/i);
    return null;
  };
  const snapshots = async (name: string, of = engine): Promise<string> => words(await of.must('snapshots', '-q', name)).join(' ');
  const ran = (times: number): string => 'run\n'.repeat(times);

  /** All that the box had written, and nothing else. */
  const isWhole = async (name: string, { runs = 3, kept = 'one two', of = engine } = {}): Promise<void> => {
    assert.deepEqual(
      [
        await read(name, '/state', of),
        await read(name, '/data/file', of),
        (await read(name, '/bulk', of))?.length,
        await snapshots(name, of),
      ],
      [ran(runs), 'precious\n', 13_893, kept],
      name,
    );
  };
  const has = async (name: string, of = engine): Promise<boolean> => (await namesOf(of)).includes(name);

  const works: readonly Work[] = [
    {
      what: 'snapshot',
      prepare: box,
      command: () => ['snapshot', 'box', 'three'],
      done: /has a snapshot three already/,
      meanwhile: async () => isWhole('box', { kept: (await snapshots('box')).includes('three') ? 'one two three' : 'one two' }),
      async afterwards() {
        await isWhole('box', { kept: 'one two three' });
        await engine.must('restore', 'box', 'one');
        await isWhole('box', { runs: 1, kept: 'one two three' });
        await engine.must('restore', 'box', 'three');
        await isWhole('box', { kept: 'one two three' });
      },
    },
    {
      what: 'snapshot of a running one',
      prepare: runningBox,
      command: () => ['snapshot', 'box', 'two'],
      done: /has a snapshot two already/,
      async meanwhile() {
        await isWhole('box', { runs: 2, kept: (await snapshots('box')).includes('two') ? 'one two' : 'one' });
        assert.equal(await engine.must('exec', 'box', 'echo', 'thawed'), 'thawed');
      },
      afterwards: () => isWhole('box', { runs: 2 }),
    },
    {
      what: 'restore',
      prepare: box,
      command: () => ['restore', 'box', 'one'],
      meanwhile: async () => isWhole('box', { runs: (await read('box', '/state')) === ran(1) ? 1 : 3 }),
      afterwards: () => isWhole('box', { runs: 1 }),
    },
    {
      what: 'restore of a running one',
      prepare: runningBox,
      command: () => ['restore', '--restart', 'box', 'one'],
      async meanwhile() {
        await runs('box');
        await isWhole('box', { runs: (await read('box', '/state')) === ran(1) ? 1 : 2, kept: 'one' });
      },
      async afterwards() {
        assert.equal(await engine.must('inspect', '-f', '{{.State.Status}}', 'box'), 'running');
        await isWhole('box', { runs: 1, kept: 'one' });
      },
    },
    {
      what: 'snapshot rm',
      prepare: box,
      command: () => ['snapshot', 'rm', 'box', 'one'],
      done: /has no snapshot/,
      meanwhile: async () => isWhole('box', { kept: (await snapshots('box')).includes('one') ? 'one two' : 'two' }),
      async afterwards() {
        await isWhole('box', { kept: 'two' });
        await engine.must('restore', 'box', 'two');
        await isWhole('box', { runs: 2, kept: 'two' });
      },
    },
    {
      what: 'copy',
      prepare: box,
      command: () => ['copy', 'box', 'twin'],
      done: /already in use/,
      async meanwhile() {
        await isWhole('box');
        if (await has('twin')) await isWhole('twin', { kept: '' });
      },
      async afterwards() {
        await engine.must('start', '-a', 'twin');
        await isWhole('twin', { runs: 4, kept: '' });
        await isWhole('box');
      },
    },
    {
      what: 'copy of a running one',
      prepare: runningBox,
      command: () => ['copy', 'box', 'twin'],
      done: /already in use/,
      async meanwhile() {
        assert.equal(await engine.must('exec', 'box', 'echo', 'thawed'), 'thawed');
        if (await has('twin')) await isWhole('twin', { runs: 2, kept: '' });
      },
      afterwards: () => isWhole('twin', { runs: 2, kept: '' }),
    },
    {
      what: 'rebuild',
      prepare: box,
      command: () => ['rebuild', '--keep', '/data', 'box', 'second:1'],
      async meanwhile() {
        if ((await read('box', '/version')) === null) await isWhole('box');
        else await isRebuilt();
      },
      async afterwards() {
        await isRebuilt();
        await engine.must('restore', 'box', 'two');
        await isWhole('box', { runs: 2 });
      },
    },
    {
      what: 'rebuild of a running one',
      prepare: runningBox,
      command: () => ['rebuild', '--restart', '--keep', '/data', 'box', 'second:1'],
      async meanwhile() {
        await runs('box');
        if ((await read('box', '/version')) === null) await isWhole('box', { runs: 2, kept: 'one' });
      },
      async afterwards() {
        assert.equal(await engine.must('inspect', '-f', '{{.State.Status}}', 'box'), 'running');
        await isRebuilt('one');
      },
    },
    {
      what: 'dedupe',
      async prepare() {
        await box();
        await engine.must('create', '--name', 'twin', '--network', 'none', 'busybox', 'true');
        // With the same time.
        for (const name of ['box', 'twin']) await engine.must('cp', join(engine.root, 'large'), `${name}:/large`);
      },
      command: () => ['dedupe', '--all'],
      meanwhile: areEqual,
      async afterwards() {
        await areEqual();
        assert.match(await engine.must('dedupe', '--all'), /^0 of /);
        await engine.must('restore', 'box', 'one');
        await isWhole('box', { runs: 1 });
      },
    },
    {
      what: 'publish',
      prepare: box,
      command: () => ['publish', 'box', 'mine:1'],
      async meanwhile() {
        await isWhole('box');
        if (!(await imagesOf(engine)).some((image) => image.startsWith('mine:1'))) return;
        await isPublished();
        // Else the repetition takes its name, and it stays without one.
        await engine.must('rmi', 'mine:1');
      },
      afterwards: isPublished,
    },
    {
      what: 'backup create',
      prepare: box,
      command: () => ['backup', 'create', 'box', '-o', join(engine.root, 'new.tar')],
      async meanwhile() {
        await isWhole('box');
        assert.deepEqual(await imagesOf(engine), images, 'images of the backup are left');
      },
      async afterwards() {
        assert.equal(await other.must('backup', 'restore', join(engine.root, 'new.tar')), 'box');
        await isWhole('box', { of: other });
      },
    },
    {
      what: 'backup restore',
      prepare: async () => undefined,
      command: () => ['backup', 'restore', archive, 'again'],
      done: /already in use/,
      async meanwhile() {
        assert.deepEqual(await imagesOf(engine), images, 'images of the backup are left');
        if (await has('again')) await isWhole('again');
      },
      async afterwards() {
        await isWhole('again');
        await engine.must('restore', 'again', 'one');
        await isWhole('again', { runs: 1 });
      },
    },
    {
      what: 'move to another engine',
      prepare: box,
      command: () => ['move', 'box', 'box', '--to', other.host],
      // The other one has it already: nothing is lost, and which of the two goes is for people to say.
      done: /already in use|No such container: box/,
      async meanwhile() {
        const [here, there] = [await has('box'), await has('box', other)];
        assert.ok(here || there, 'it is nowhere');
        if (here) await isWhole('box');
        if (there) await isWhole('box', { of: other });
        if (!there) assert.deepEqual(await imagesOf(other), []);
      },
      afterwards: () => isWhole('box', { of: other }),
    },
  ];

  async function areEqual(): Promise<void> {
    await isWhole('box');
    for (const name of ['box', 'twin']) assert.equal(await read(name, '/large'), large, name);
  }
  async function isRebuilt(kept = 'one two'): Promise<void> {
    assert.deepEqual(
      [await read('box', '/version'), await read('box', '/state'), await read('box', '/data/file'), await snapshots('box')],
      ['2\n', null, 'precious\n', kept],
    );
  }
  async function isPublished(): Promise<void> {
    assert.equal(await engine.must('run', '--rm', '--network', 'none', 'mine:1', 'sh', '-c', 'cat /state /data/file'), `${ran(3)}precious`);
  }

  /** What the engine knows is what is on disk. */
  const isInOrder = async (): Promise<void> => {
    const { problems } = JSON.parse(await engine.must('system', 'check', '--json', '--quick')) as { problems: unknown[] };
    assert.deepEqual(problems, []);
    const ids = words(await engine.must('ps', '-aq', '--no-trunc')).toSorted();
    assert.deepEqual(readdirSync(join(engine.dataRoot, 'containers')).toSorted(), ids);
    // An engine empties it when it has time.
    await eventually(
      async () => readdirSync(join(engine.dataRoot, 'ingest')).join(' '),
      (left) => left === '',
    );
  };
  const clear = async (): Promise<void> => {
    for (const one of [engine, other]) {
      const ids = words(await one.must('ps', '-aq', '--no-trunc'));
      if (ids.length > 0) await one.must('rm', '-f', ...ids);
    }
    await engine.orlop('rmi', 'mine:1');
    await other.must('system', 'prune', '-a', '-f');
  };

  /** Runs the command while the engine is to die before its step; says whether it did. */
  const cutOffAt = async ({ command }: Work, step: number): Promise<boolean> => {
    points.arm(step);
    const first = await engine.orlop(...command());
    await engine.kill();
    points.arm(0);
    await engine.start();
    return first.code !== 0;
  };

  for (const work of works) {
    test(`${work.what}: all of it or nothing, nothing left over, and the repetition succeeds`, { timeout: 3_000_000 }, async (t) => {
      // Of one that failed before.
      await clear();
      await work.prepare();
      points.arm(1_000_000);
      await engine.must(...work.command());
      const steps = points.taken();
      points.arm(0);
      await work.afterwards();
      await clear();
      const all = Array.from({ length: steps }, (_, at) => at + 1);
      const chosen = wanted >= steps ? all : Array.from({ length: wanted }, () => 1 + Math.floor(Math.random() * steps));
      let cutOff = 0;
      for (const step of chosen) {
        try {
          await work.prepare();
          cutOff += (await cutOffAt(work, step)) ? 1 : 0;
          await isInOrder();
          await work.meanwhile();
          const second = await engine.orlop(...work.command());
          assert.ok(second.code === 0 || work.done?.test(second.stderr) === true, second.stderr);
          await work.afterwards();
          await clear();
          await isInOrder();
          assert.deepEqual(await imagesOf(engine), images);
          assert.equal(await settledLayers(), layers);
        } catch (error) {
          throw new Error(`killed before step ${step} of ${steps}`, { cause: error });
        }
      }
      t.diagnostic(`${steps} steps; at ${cutOff} of ${chosen.length} it was cut off before it was done`);
    });
  }
});

interface Usage {
  readonly store: { readonly garbage: { readonly count: number }; readonly layers: { readonly count: number } };
}
