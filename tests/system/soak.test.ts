import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Client } from '#client';
import { isOrlopError, OrlopError } from '#errors';
import { startEngine, whyNot, type TestEngine } from './harness.ts';
import { marksOf, takeInventory } from './leaks.ts';

/** `ORLOP_SOAK=2000` makes of this what it is meant to show; by default it is quick. */
const total = Number(process.env['ORLOP_SOAK'] ?? 60);
const isWhole = process.env['ORLOP_SOAK'] !== undefined;
const sideBySide = 8;
/** The engine is killed this often, or in the quick variant after every so many containers. */
const killEveryMs = 10_000;
const killEvery = Math.ceil(total / 4);

/** What stays the same, however many containers have come and gone. */
interface Holdings {
  readonly descriptors: number;
  readonly residentKb: number;
}

describe('containers come and go by the thousand while the engine is killed again and again', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('nothing is lost and nothing is left', { timeout: 7_200_000 }, async (t) => {
    const fresh = holdingsOf(engine.pid()).descriptors;
    const killer = createKiller(engine);
    const samples: Holdings[] = [];
    let next = 0;
    let done = 0;
    const worker = async (): Promise<void> => {
      for (let at = next++; at < total; at = next++) {
        await live(killer, at);
        done++;
        if (!isWhole && done % killEvery === 0 && done < total) await killer.strike();
        if (done % Math.ceil(total / 10) === 0) t.diagnostic(`${done} of ${total}, ${killer.kills()} kills`);
      }
    };
    const striking = isWhole ? strikeRegularly(killer, () => done >= total, samples) : Promise.resolve();
    await Promise.all(Array.from({ length: sideBySide }, worker));
    await striking;
    await killer.alive();
    assert.ok(killer.kills() >= (isWhole ? 1 : 3), `${killer.kills()} kills`);
    await assertNothingKept(engine, fresh, t);
    report(t, samples);
  });
});

interface Killer {
  /** Kills the engine and starts the next; one after the other. */
  strike(): Promise<void>;
  /** Resolves when there is an engine. */
  alive(): Promise<void>;
  kills(): number;
  readonly engine: TestEngine;
}

function createKiller(engine: TestEngine): Killer {
  let striking: Promise<void> = Promise.resolve();
  let kills = 0;
  const strike = async (): Promise<void> => {
    kills++;
    await engine.kill();
    await engine.start();
  };
  return { engine, kills: () => kills, alive: () => striking, strike: () => (striking = striking.then(strike)) };
}

async function strikeRegularly(killer: Killer, isOver: () => boolean, samples: Holdings[]): Promise<void> {
  while (!isOver()) {
    for (const deadline = Date.now() + killEveryMs; Date.now() < deadline && !isOver(); ) await delay(100);
    samples.push(holdingsOf(killer.engine.pid()));
    if (!isOver()) await killer.strike();
  }
}

/** One container's life. What an engine died under is done again as a person would; what was answered has to be true. */
async function live({ engine, alive }: Killer, at: number): Promise<void> {
  using client = connect({ host: engine.host });
  const { containers } = client;
  const name = `soak-${at}`;
  const code = at % 100;
  const said = Array.from({ length: 1 + (at % 7) }, (_none, line) => `line ${line + 1} of ${at}\n`).join('');
  const script = `[ -p /go ] || mkfifo /go; printf '${said}'; read -r word </go; exit ${code}`;
  const patiently = <Answer>(ask: () => Promise<Answer>): Promise<Answer> => withoutOutages(alive, ask);

  await patiently(async () => {
    const body = {
      Image: 'busybox',
      Cmd: ['sh', '-c', script],
      HostConfig: at % 3 === 0 ? { NetworkMode: 'none' } : {},
      ...(at % 5 === 0 ? { Volumes: { '/anonymous': {} } } : {}),
    };
    // Made whole by an engine that died before it could say so, or not at all.
    await containers.create(body, name).catch(unless(/already in use/));
  });
  await patiently(() => containers.start(name));
  await patiently(async () => {
    // A start that an engine died under is done again.
    await containers.start(name);
    assert.equal(await inside(client, name, `echo inside ${at}`), `inside ${at}\n`);
  });
  // Its end may come while no engine is there to see it.
  await patiently(() => inside(client, name, 'echo go >/go').catch(unless(/is not running/)));
  const { StatusCode } = await patiently(() => containers.wait(name));
  assert.equal(StatusCode, code, name);
  const heard = await patiently(async () => {
    let text = '';
    for await (const { stream, data } of containers.logs(name, { stdout: true, stderr: true }))
      if (stream === 'stdout') text += data.toString();
    return text;
  });
  assert.ok(heard.endsWith(said), `${name} has lost lines: ${JSON.stringify(heard)}`);
  await patiently(() => containers.remove(name, { volumes: true }).catch(unless(/No such container/)));
  await assert.rejects(
    patiently(() => containers.inspect(name)),
    { kind: 'not-found' },
  );
}

/** What a shell prints inside. `unavailable` when the engine that knew of it has gone meanwhile. */
async function inside(client: Client, name: string, script: string): Promise<string> {
  const id = await client.execs.create(name, {
    Cmd: ['sh', '-c', script],
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
  });
  let text = '';
  try {
    for await (const { data } of (await client.execs.start(id, { terminal: false })).output()) text += data.toString();
    if ((await client.execs.inspect(id)).ExitCode === 0) return text;
  } catch (error) {
    if (!isOrlopError(error, 'data-loss') && !(isOrlopError(error, 'not-found') && /exec/.test(error.message))) throw error;
  }
  throw new OrlopError('unavailable', 'TEST_EXEC_CUT_OFF', `an exec was cut off in ${name} after ${JSON.stringify(text)}`);
}

function unless(words: RegExp): (error: unknown) => void {
  return (error) => {
    if (!isOrlopError(error) || !words.test(error.message)) throw error;
  };
}

/** Asks again as often as an engine dies under the question; any other failure is one. */
async function withoutOutages<Answer>(alive: () => Promise<void>, ask: () => Promise<Answer>): Promise<Answer> {
  for (const deadline = Date.now() + 120_000; ; await delay(20)) {
    try {
      return await ask();
    } catch (error) {
      if (!isOrlopError(error, 'unavailable') || Date.now() > deadline) throw error;
    }
    await alive();
  }
}

function holdingsOf(pid: number): Holdings {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, residentKb: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) };
}

function report(t: TestContext, samples: readonly Holdings[]): void {
  if (samples.length === 0) return;
  const of = (read: (one: Holdings) => number): string => {
    const all = samples.map(read);
    const mean = (part: number[]): number => Math.round(part.reduce((sum, one) => sum + one, 0) / Math.max(1, part.length));
    const third = Math.ceil(all.length / 3);
    return `${mean(all.slice(0, third))} in the first third, ${mean(all.slice(-third))} in the last, at most ${Math.max(...all)}`;
  };
  t.diagnostic(`resident kB before each kill: ${of((one) => one.residentKb)}`);
  t.diagnostic(`descriptors before each kill: ${of((one) => one.descriptors)}`);
}

/** An engine that has settled holds what an empty one does: sandboxes ready, and nothing else. */
async function assertNothingKept(engine: TestEngine, fresh: number, t: TestContext): Promise<void> {
  const ready = 4;
  const { prefix } = marksOf(engine.root, engine.dataRoot);
  const look = async (): Promise<Record<string, number>> => {
    const inventory = await takeInventory(marksOf(engine.root, engine.dataRoot));
    const cgroupNames = new Set(inventory.cgroups.map((path) => path.split('/').at(-1)));
    const endpoints = (JSON.parse(await engine.must('network', 'inspect', 'bridge')) as { Containers: object }[])[0];
    const list = (path: string): number => (existsSync(path) ? readdirSync(path).length : 0);
    const pipes = (await engine.must('ps', '-aq')).split('\n').filter((id) => id !== '').length;
    return {
      containers: pipes,
      mounts: inventory.mounts.length,
      // The parent, and one for each ready sandbox.
      cgroups: Math.max(0, cgroupNames.size - 1 - ready),
      // A bridge, and no more.
      links: inventory.links.filter((link) => link !== `${prefix}br0`).length,
      addresses: Object.keys(endpoints?.Containers ?? {}).length,
      volumes: (await engine.must('volume', 'ls', '-q')).split('\n').filter((id) => id !== '').length,
      directories: list(join(engine.dataRoot, 'containers')),
      // Monitor and stage of each ready sandbox, the engine, and what the kernel has not buried yet.
      processes: Math.max(0, inventory.processes.length - 2 * ready - 1),
      // A few come and go with what the engine does at the moment.
      descriptors: Math.max(0, holdingsOf(engine.pid()).descriptors - fresh - 10),
      namespaces: Math.max(0, namespacesHeld(engine.pid()) - 1),
    };
  };
  let left: [string, number][] = [];
  for (const deadline = Date.now() + 30_000; ; await delay(250)) {
    left = Object.entries(await look()).filter(([, count]) => count > 0);
    if (left.length === 0 || Date.now() > deadline) break;
  }
  assert.deepEqual(Object.fromEntries(left), {});
  const holdings = holdingsOf(engine.pid());
  t.diagnostic(`at the end: ${holdings.residentKb} kB resident, ${holdings.descriptors} descriptors`);
  await engine.must('system', 'check');
  await engine.kill();
  assert.deepEqual(rowsKept(engine.dataRoot), []);
  await engine.start();
}

/** Of containers, their addresses and leases; those of images stay. */
function rowsKept(dataRoot: string): string[] {
  using database = new DatabaseSync(join(dataRoot, 'orlop.db'), { readOnly: true });
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map(({ name }) => String(name));
  const counted = tables.map((name) => [name, Number(database.prepare(`SELECT count(*) AS many FROM ${name}`).get()?.['many'])] as const);
  return counted
    .filter(([name, many]) => /container|endpoint|lease|snapshot/.test(name) && many > 0)
    .map(([name, many]) => `${many} in ${name}`);
}

/** Network namespaces beside the engine's own that its descriptors hold. */
function namespacesHeld(pid: number): number {
  const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return new Set(targets.filter((target) => target.startsWith('net:'))).size;
}
