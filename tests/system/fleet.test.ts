import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { labInits, type LabInit, labSuites, loadLab, writeLabRecipes } from './debian-lab.ts';
import { eventually, runCommand, startEngine, whyNot, type TestEngine } from './harness.ts';
import { type Bench, startBench, verifyBench } from './pgbench.ts';

/** So much at once: what is tested is that all of it works, not how this machine copes. */
const lanes = 4;

async function each<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>, atOnce = lanes): Promise<Result[]> {
  const results: Result[] = [];
  const left = [...items.entries()];
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}

interface Machine {
  readonly name: string;
  readonly init: LabInit;
  readonly image: string;
}

/** Its init has done all that it does at a boot. */
const targets: Readonly<Record<LabInit, { readonly ask: readonly string[]; readonly answer: RegExp }>> = {
  systemd: { ask: ['systemctl', 'is-system-running'], answer: /^running$/ },
  sysvinit: { ask: ['runlevel'], answer: /^N 2$/ },
  openrc: { ask: ['rc-status', '--runlevel'], answer: /^default$/ },
  busybox: { ask: ['pgrep', '-x', 'sshd'], answer: /^\d+/ },
};

// The images are made of Debian's packages the first time, which takes half an hour; the fleet takes minutes.
const whyNotNow = whyNot() || (process.env['ORLOP_DISTRIBUTIONS'] === '1' ? false : 'it takes minutes: npm run test:distributions runs it');

describe('a fleet of twelve machines, four inits on each of three releases of Debian', { skip: whyNotNow, timeout: 7_200_000 }, () => {
  const open = new AsyncDisposableStack();
  let engine: TestEngine;
  let machines: Machine[] = [];
  let why: string | null = null;
  const benches = new Map<string, Bench>();
  const seen = new Map<string, readonly number[]>();

  before(
    async () => {
      // What it is started with is read when a template is asked for.
      const templates = (await runCommand('mktemp', ['-d'])).stdout.trim();
      open.defer(async () => void (await runCommand('rm', ['-r', templates])));
      writeLabRecipes(templates);
      engine = open.use(await startEngine(['--templates', templates]));
      for (const suite of labSuites) {
        for (const init of labInits) {
          const lab = await loadLab(engine, suite, init);
          if ('why' in lab) return void (why = lab.why);
          machines.push({ name: `${init}-${suite}`, init, image: lab.image });
        }
      }
    },
    { timeout: 5_400_000 },
  );
  after(() => open.disposeAsync());

  const isUp = ({ name, init }: Machine): Promise<string> =>
    eventually(
      async () => (await engine.orlop('exec', name, ...targets[init].ask)).stdout.trim(),
      (answer) => targets[init].answer.test(answer),
      240_000,
    );
  const sh = (name: string, script: string): Promise<string> => engine.must('exec', name, 'sh', '-c', script);
  const step = (name: string, work: (context: TestContext) => Promise<void>): void => {
    test(name, { timeout: 1_800_000 }, async (context) => {
      if (why !== null) return context.skip(why);
      const began = performance.now();
      await work(context);
      context.diagnostic(`${((performance.now() - began) / 1000).toFixed(1)} s`);
    });
  };
  /** A machine logs in on others by their names. */
  const logsIn = async (from: string, to: readonly string[]): Promise<void> => {
    const options = '-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=60';
    assert.equal(await sh(from, `for name in ${to.join(' ')}; do ssh ${options} root@$name hostname; done`), to.join('\n'));
  };
  const hasDatabase = ({ init }: Machine): boolean => init === 'systemd';

  step('is launched at once, and all reach their target', async (context) => {
    await engine.must('network', 'create', 'fleet');
    const began = performance.now();
    await each(machines, ({ name, image }) => engine.must('launch', '--network', 'fleet', image, name), machines.length);
    context.diagnostic(`all launched after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    await each(machines, isUp);
    for (const { name, init } of machines)
      assert.match(await engine.must('exec', name, 'cat', '/proc/1/comm'), init === 'systemd' ? /^systemd$/ : /^init$/);
  });

  step('logs in from each to all others by name', async () => {
    const [{ name: first } = { name: '' }] = machines;
    const key = await sh(first, "ssh-keygen -q -t ed25519 -N '' -f /tmp/key; cat /tmp/key");
    const files = { id_ed25519: `${key}\n`, authorized_keys: await sh(first, 'cat /tmp/key.pub') };
    await each(machines, async ({ name }) => {
      for (const [file, input] of Object.entries(files)) {
        const script = `umask 077; mkdir -p /root/.ssh; cat > /root/.ssh/${file}`;
        assert.equal((await engine.orlopWith({ input }, 'exec', '-i', name, 'sh', '-c', script)).code, 0);
      }
    });
    const names = machines.map(({ name }) => name);
    await each(names, (name) =>
      logsIn(
        name,
        names.filter((other) => other !== name),
      ),
    );
  });

  step('is snapshotted while databases and journals are written', async () => {
    await each(machines.filter(hasDatabase), async ({ name }) => void benches.set(name, await startBench(engine, name)), 1);
    const journal = 'i=0; while :; do i=$((i+1)); echo "begin $i" >> /journal; echo "end $i" >> /journal; sleep 0.01; done';
    for (const { name } of machines.filter((machine) => !hasDatabase(machine))) await engine.must('exec', '-d', name, 'sh', '-c', journal);
    await each(machines, async ({ name }) => {
      const bench = benches.get(name);
      if (bench !== undefined) seen.set(name, await bench.seen());
      else
        await eventually(
          async () => (await engine.orlop('exec', name, 'wc', '-l', '/journal')).stdout,
          (lines) => Number.parseInt(lines, 10) > 20,
        );
      await engine.must('snapshot', name, 'busy');
    });
  });

  step('is restored, and everything written before is there', async () => {
    await each(machines, async (machine) => {
      const { name } = machine;
      await sh(name, 'echo later > /later');
      await engine.must('restore', '--restart', name, 'busy');
      await isUp(machine);
      assert.equal(await sh(name, 'ls /later 2>/dev/null || echo none'), 'none');
      if (hasDatabase(machine)) return void (await verifyBench(engine, name, seen.get(name) ?? []));
      const lines = (await sh(name, 'cat /journal')).split('\n');
      assert.ok(lines.length > 20);
      for (const [index, line] of lines.entries())
        assert.equal(line, `${index % 2 === 0 ? 'begin' : 'end'} ${Math.floor(index / 2) + 1}`, `${name}: the journal is whole`);
    });
  });

  step('is copied, and copies are machines of their own', async () => {
    await each(machines, ({ name }) => engine.must('copy', name, `copy-of-${name}`));
    const started = machines.filter(({ name }) => name.endsWith('-trixie'));
    await each(started, async (machine) => {
      const name = `copy-of-${machine.name}`;
      await engine.must('start', name);
      await isUp({ ...machine, name });
      assert.equal(await sh(name, 'hostname'), name);
    });
    await logsIn(
      'systemd-bookworm',
      started.map(({ name }) => `copy-of-${name}`),
    );
    await engine.must('rm', '-f', ...machines.map(({ name }) => `copy-of-${name}`));
  });

  step('is published, and launched from what was published', async () => {
    const some = machines.filter(({ name }) => name.endsWith('-bookworm'));
    await each(some, async (machine) => {
      const image = `published:${machine.init}`;
      await engine.must('publish', machine.name, image);
      await engine.must('launch', '--network', 'fleet', image, `again-${machine.init}`);
      await isUp({ ...machine, name: `again-${machine.init}` });
    });
    await logsIn(
      'systemd-bookworm',
      some.map(({ init }) => `again-${init}`),
    );
  });

  step('is removed, and nothing is left', async () => {
    await engine.must('rm', '-f', ...(await engine.must('ps', '-aq')).split('\n'));
    await engine.must('network', 'rm', 'fleet');
    // A quarter of a million files.
    assert.equal((await engine.orlopWith({ timeoutMs: 1_200_000 }, 'system', 'prune', '-a', '-f')).code, 0);
    const { store } = JSON.parse(await engine.must('system', 'df', '-v', '--json')) as { store: { layers: { count: number } } };
    assert.equal(store.layers.count, 0);
    machines = [];
  });
});
