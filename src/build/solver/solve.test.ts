import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError, OrlopError } from '#errors';
import type { Digest } from '#oci';
import type { BuildEvent } from '#wire';
import { parseDockerfile } from '../dockerfile/parse.ts';
import type { RunStep } from '../model.ts';
import type { CachedStep, NewLayer, SolvedStage, SolverPorts, Work } from '../ports.ts';
import { compileStage } from '../stages/compile.ts';
import { planStages } from '../stages/plan.ts';
import { solve } from './solve.ts';

const platform = { os: 'linux', architecture: 'amd64' };
const never = new AbortController().signal;

interface World {
  readonly steps: Map<string, CachedStep>;
  /** Commands in the order in which they began. */
  readonly begun: string[];
  /** What a command does; it makes a layer unless this says otherwise. */
  readonly run: (command: string, work: Work) => Promise<'nothing' | void>;
}

function newWorld(run: World['run'] = async () => undefined): World {
  return { steps: new Map(), begun: [], run };
}

interface Options {
  readonly target?: string;
  readonly noCache?: boolean;
  readonly sequential?: boolean;
  readonly noCacheFilter?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Builds with an executor that makes layers named after their commands. */
async function build(text: string, world: World, options: Options = {}): Promise<{ stage: SolvedStage; events: BuildEvent[] }> {
  const file = parseDockerfile(text);
  const target = options.target === undefined ? {} : { target: options.target };
  const plan = planStages(file, { ...target, buildArgs: {}, platform, buildPlatform: platform, namedContexts: [] });
  const events: BuildEvent[] = [];
  const made = (name: string, { root }: Work): NewLayer => ({
    diffId: `sha256:${name}` as Digest,
    chainId: `sha256:${root.chain ?? ''}/${name}` as Digest,
  });
  const ports: SolverPorts = {
    images: {
      base: async (source) => ({
        root: {
          chain: 'sha256:base' as Digest,
          layers: [{ diffId: 'sha256:base' as Digest, chainId: 'sha256:base' as Digest, descriptor: null, key: null }],
        },
        config: { ...platform, created: '2020-01-01T00:00:00Z', rootfs: { type: 'layers', diff_ids: [] }, config: { Env: ['PATH=/bin'] } },
        id: `sha256:${source.kind === 'image' ? source.reference : source.name}` as Digest,
        history: [{ created_by: 'base' }],
      }),
      foresee: () => undefined,
    },
    executor: {
      async run(step: RunStep, work) {
        const command = step.argv.at(-1) ?? '';
        world.begun.push(command);
        return (await world.run(command, work)) === 'nothing' ? null : made(command, work);
      },
      async copy(step, work) {
        world.begun.push(step.source);
        return made(step.source, work);
      },
      makeDirectory: async (step, work) => made(step.path, work),
      checkVolumes: async (paths) => {
        if (paths.includes('/file')) throw new OrlopError('failed-precondition', 'BUILD_FILE_THERE', 'file exists');
      },
      putOn: (layer, root) => ({ diffId: layer.diffId, chainId: `sha256:${root.chain ?? ''}/${layer.diffId.slice(7)}` as Digest }),
      digestSources: async (step) => `file:${step.sources.map((source) => (source.kind === 'path' ? source.pattern : source.kind)).join()}`,
      digestMount: async () => 'mount',
    },
    cache: {
      get: async (key) => world.steps.get(key) ?? null,
      put: (key, step) => void world.steps.set(key, step),
      alone: async (_key, work) => work(),
    },
    report: (event) => void events.push(event),
    now: () => '2026-01-01T00:00:00Z',
  };
  const stage = await solve(plan, ports, {
    compile: (position, base) => compileStage(plan, position, base, { classic: options.sequential ?? false }),
    noCache: options.noCache ?? false,
    noCacheFilter: options.noCacheFilter ?? [],
    sequential: options.sequential ?? false,
    parallel: 8,
    network: 'default',
    signal: options.signal ?? never,
    explain: (error) => error,
  });
  return { stage, events };
}

describe('a build', () => {
  test('runs what the target needs, in order, on top of each other', async () => {
    const world = newWorld();
    const { stage } = await build('FROM b AS x\nRUN one\nFROM b AS unneeded\nRUN never\nFROM x\nENV A=1\nRUN two\n', world);
    assert.deepEqual(world.begun, ['one', 'two']);
    assert.deepEqual(
      stage.root.layers.map(({ diffId }) => diffId),
      ['sha256:base', 'sha256:one', 'sha256:two'],
    );
    assert.deepEqual(stage.config.config?.Env, ['PATH=/bin', 'A=1']);
    assert.deepEqual(
      stage.history.map(({ created_by, empty_layer }) => [created_by, empty_layer === true]),
      [
        ['base', false],
        ['RUN /bin/sh -c one # buildkit', false],
        ['ENV A=1', true],
        ['RUN /bin/sh -c two # buildkit', false],
      ],
    );
  });

  test("tells what it did in the words of BuildKit, or of Docker's first builder", async () => {
    const text =
      'FROM b\nARG A=1\nRUN one\nCOPY --chown=7 x ./y\nWORKDIR /w\nEXPOSE 90/udp 80\nONBUILD RUN  late\nSHELL ["/bin/bash", "-c"]\nCMD ["a"]\nADD z /\n';
    const history = async (sequential: boolean): Promise<(readonly (string | undefined)[])[]> =>
      (await build(text, newWorld(), { sequential })).stage.history.slice(1).map((entry) => [entry.created_by, entry.comment]);
    assert.deepEqual(
      (await history(false)).map(([line, comment]) => `${line} (${comment})`),
      [
        'ARG A=1',
        'RUN |1 A=1 /bin/sh -c one # buildkit',
        'COPY --chown=7 x ./y # buildkit',
        'WORKDIR /w',
        'EXPOSE [80/tcp 90/udp]',
        'SHELL [/bin/bash -c]',
        'CMD ["a"]',
        'ADD z / # buildkit',
      ].map((line) => `${line} (buildkit.dockerfile.v0)`),
    );
    assert.deepEqual(await history(true), [
      ['/bin/sh -c #(nop)  ARG A=1', undefined],
      ['|1 A=1 /bin/sh -c one', undefined],
      ['/bin/sh -c #(nop) COPY --chown=7 file:x in ./y ', undefined],
      ['/bin/sh -c #(nop) WORKDIR /w', undefined],
      ['/bin/sh -c #(nop)  EXPOSE 80 90/udp', undefined],
      ['/bin/sh -c #(nop)  ONBUILD RUN  late', undefined],
      ['/bin/bash -c #(nop)  SHELL [/bin/bash -c]', undefined],
      ['/bin/bash -c #(nop)  CMD ["a"]', undefined],
      ['/bin/bash -c #(nop) ADD file:z in / ', undefined],
    ]);
  });

  test("configuration is found again as Docker's first builder finds it", async () => {
    const world = newWorld();
    const cached = async (options: Options): Promise<boolean[]> =>
      (await build('FROM b\nENV A=1\nLABEL b=c\n', world, options)).events
        .flatMap((event) => (event.type === 'end' ? [event.cached] : []))
        .slice(1);
    assert.deepEqual(await cached({ sequential: true }), [false, false]);
    assert.deepEqual(await cached({ sequential: true }), [true, true]);
    assert.deepEqual(await cached({ sequential: true, noCache: true }), [false, false]);
    assert.deepEqual(await cached({}), [false, false]);
  });

  test('does nothing twice, and what depends on a change again', async () => {
    const world = newWorld();
    const text = 'FROM b\nRUN one\nRUN two\nRUN three\n';
    const first = await build(text, world);
    world.begun.length = 0;
    const second = await build(text, world);
    assert.deepEqual(world.begun, []);
    assert.deepEqual(second.stage, first.stage);
    assert.deepEqual(
      second.events.flatMap((event) => (event.type === 'end' ? [event.cached] : [])),
      [false, true, true, true],
    );
    await build(text.replace('two', 'other'), world);
    assert.deepEqual(world.begun, ['other', 'three']);
    world.begun.length = 0;
    await build(text, world, { noCache: true });
    assert.deepEqual(world.begun, ['one', 'two', 'three']);
  });

  test('a linked COPY is found again on another base, unless it looks users up there', async () => {
    const world = newWorld();
    const textOn = (command: string, flags: string): string => `FROM b\nRUN ${command}\nCOPY ${flags} x /x\n`;
    const first = await build(textOn('one', '--link --chown=1:2'), world);
    world.begun.length = 0;
    const second = await build(textOn('two', '--link --chown=1:2'), world);
    assert.deepEqual(world.begun, ['two']);
    const [one, other] = [first, second].map(({ stage }) => stage.root.layers.at(-1));
    assert.equal(other?.diffId, one?.diffId);
    assert.notEqual(other?.chainId, one?.chainId);
    assert.equal(second.stage.root.chain, other?.chainId);
    await build(textOn('one', '--link --chown=user'), world);
    world.begun.length = 0;
    await build(textOn('two', '--link --chown=user'), world);
    assert.equal(world.begun.length, 1);
  });

  test('the stages that are named are built anew, and no others', async () => {
    const world = newWorld();
    const text = 'FROM b AS one\nRUN one\nFROM b AS two\nRUN two\nFROM b\nCOPY --from=one / /\nRUN --mount=from=two,target=/x three\n';
    await build(text, world);
    world.begun.length = 0;
    await build(text, world, { noCacheFilter: ['TWO', 'nobody'] });
    assert.deepEqual(world.begun, ['two']);
  });

  test('a step that changes nothing makes no layer, and is remembered', async () => {
    const world = newWorld(async () => 'nothing');
    const { stage } = await build('FROM b\nRUN true\n', world);
    assert.equal(stage.root.layers.length, 1);
    assert.equal(stage.history.at(-1)?.empty_layer, true);
    world.begun.length = 0;
    await build('FROM b\nRUN true\n', world);
    assert.deepEqual(world.begun, []);
  });

  test('stages that do not need each other run at the same time', async () => {
    const meeting = Promise.withResolvers<void>();
    let there = 0;
    const world = newWorld(async (command) => {
      if (command === 'join') return;
      if (++there === 2) meeting.resolve();
      await meeting.promise;
    });
    await build('FROM b AS x\nRUN left\nFROM b AS y\nRUN right\nFROM b\nCOPY --from=x /a /\nCOPY --from=y /b /\nRUN join\n', world);
    assert.equal(world.begun.at(-1), 'join');
  });

  test('a step is told to begin when what it copies from has ended', async () => {
    const { events } = await build('FROM b AS x\nRUN left\nFROM b\nCOPY --from=x /a /\n', newWorld());
    const told = events.flatMap((event) => (event.type === 'start' || event.type === 'end' ? [`${event.type} ${event.step}`] : []));
    const left = events.find((event) => event.type === 'start' && event.text === 'RUN left');
    const copy = events.find((event) => event.type === 'start' && event.text.startsWith('COPY'));
    assert.ok(left?.type === 'start' && copy?.type === 'start');
    assert.ok(told.indexOf(`end ${left.step}`) < told.indexOf(`start ${copy.step}`), told.join('\n'));
  });

  test('one after the other where that is asked for, and told in the order of the file', async () => {
    let running = 0;
    const world = newWorld(async () => {
      assert.equal(++running, 1);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    const { events } = await build(
      'FROM b AS x\nRUN left\nFROM b AS y\nRUN right\nFROM b\nCOPY --from=y /b /\nCOPY --from=x /a /\n',
      world,
      { sequential: true },
    );
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'start' ? [event.line] : [])),
      [1, 2, 3, 4, 5, 6, 7],
    );
  });

  test('the first failure is what is thrown, when the others have let go', async () => {
    const settled: string[] = [];
    const world = newWorld(async (command, { context }) => {
      if (command === 'bad') throw new OrlopError('failed-precondition', 'BAD', 'it is bad');
      await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
      settled.push(command);
      throw new Error('given up');
    });
    const building = build('FROM b AS x\nRUN slow\nFROM b AS y\nRUN bad\nFROM b\nCOPY --from=x /a /\nCOPY --from=y /a /\n', world);
    await assert.rejects(building, (error) => isOrlopError(error) && error.code === 'BAD');
    assert.deepEqual(settled, ['slow']);
    assert.equal(world.steps.size, 0);
  });

  test('given up, it is cancelled', async () => {
    const giveUp = new AbortController();
    const world = newWorld(async (_command, { context }) => {
      giveUp.abort();
      context.signal.throwIfAborted();
    });
    await assert.rejects(build('FROM b\nRUN x\n', world, { signal: giveUp.signal }), (error) => isOrlopError(error, 'cancelled'));
  });
});
