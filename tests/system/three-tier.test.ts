// examples/three-tier under fire: while people look at the page, servers and the engine are killed, the database is cut off, its disk fills up, and the servers are replaced.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { whyNoMirror } from './debian-mirror.ts';
import { copyThreeTier } from '../clients/three-tier-folder.ts';
import { eventually, startEngine, whyNot, type TestEngine } from './harness.ts';
import { buildWrk, whileWrkAsks } from './wrk.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Visits that the page has acknowledged, and what else was answered. */
interface Visitors {
  readonly visits: number;
  readonly failures: readonly string[];
}

function ask(port: number, path: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, agent, timeout: 30_000 }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in 30 seconds')));
    asked.on('error', reject).end();
  });
}

/** Six people who load the page as fast as it comes, while `work` goes on. */
async function whilePeopleLook(port: number, work: () => Promise<void>): Promise<Visitors> {
  const agent = new Agent({ keepAlive: true, maxSockets: 6 });
  const failures: string[] = [];
  let visits = 0;
  let over = false;
  const person = async (): Promise<void> => {
    while (!over) {
      try {
        const { status, body } = await ask(port, '/', agent);
        if (status === 200) visits += 1;
        else failures.push(`${status} ${body.trim()}`);
      } catch (error) {
        failures.push(String(error));
      }
      // People, not a flood: the machine has other work to do.
      await delay(5);
    }
  };
  const people = Array.from({ length: 6 }, person);
  try {
    await delay(200);
    await work();
    await delay(200);
  } finally {
    over = true;
    await Promise.all(people);
    agent.destroy();
  }
  return { visits, failures };
}

/** A disk of its own for the data, that can be filled; patience with a machine that has more to do; and a change that replaces the servers. */
function formatOverride(version: number): string {
  const healthcheck = { timeout: '30s' };
  return JSON.stringify({
    volumes: { data: { driver_opts: { size: '256m' } } },
    services: {
      app: { environment: { VERSION: String(version) }, healthcheck },
      front: { healthcheck },
      database: { healthcheck },
    },
  });
}

describe('the three-tier application', { skip: whyNot() || (await whyNoMirror()), timeout: 900_000 }, () => {
  let engine: TestEngine;
  let directory: string;
  let port: number;
  let acknowledged = 0;

  const compose = (...args: string[]): Promise<string> => engine.must('compose', '--project-directory', directory, ...args);
  const change = (version: number): void => writeFileSync(join(directory, 'compose.override.yaml'), formatOverride(version));
  const idsOf = async (service: string): Promise<string[]> =>
    (await compose('ps', '-q', service))
      .split('\n')
      .filter((id) => id !== '')
      .toSorted();
  const visits = async (): Promise<{ server: string; visits: number }> => {
    const { status, body } = await ask(port, '/visits', new Agent());
    assert.equal(status, 200, body);
    return JSON.parse(body) as { server: string; visits: number };
  };
  const nothingIsLost = async (seen: Visitors): Promise<void> => {
    acknowledged += seen.visits;
    assert.ok(seen.visits > 0, 'nobody got an answer');
    const counted = (await visits()).visits;
    assert.ok(counted >= acknowledged, `${acknowledged} visits were acknowledged, and the database has ${counted}`);
  };
  const healthyAgain = async (): Promise<void> => {
    const agent = new Agent();
    let last = '';
    for (const deadline = Date.now() + 90_000; Date.now() < deadline; await delay(100)) {
      last = await ask(port, '/visits', agent).then(({ status, body }) => `${status} ${body}`, String);
      if (last.startsWith('200')) return;
    }
    throw new Error(`the page does not come back: ${last}`);
  };

  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'debian/trixie');
    directory = join(engine.root, 'three-tier');
    port = await copyThreeTier(directory);
    change(1);
    await Promise.all([compose('up', '-d', '--wait'), buildWrk(engine)]);
  });
  after(() => engine[Symbol.asyncDispose]());

  test('each of the three servers answers, and the database counts for all', async () => {
    const agent = new Agent();
    for (let visit = 1; visit <= 5; visit += 1) {
      const { status, body } = await ask(port, '/', agent);
      assert.equal(status, 200);
      assert.match(body, new RegExp(`Visit number <b>${visit}</b>`));
    }
    acknowledged = 5;
    const servers = new Set<string>();
    for (let turn = 0; servers.size < 3 && turn < 200; turn += 1) servers.add((await visits()).server);
    assert.deepEqual(
      [...servers].toSorted(),
      (await idsOf('app')).map((id) => id.slice(0, 12)),
    );
    assert.equal((await visits()).visits, 5);
  });

  test('up again changes nothing', async () => {
    const before = await idsOf('app');
    await compose('up', '-d', '--wait');
    assert.deepEqual(await idsOf('app'), before);
  });

  /** As the kernel would end it: who is killed by its owner stays so. */
  const killServer = async (victim: string): Promise<void> => {
    const before = Number(await engine.must('inspect', '-f', '{{.RestartCount}}', victim));
    process.kill(Number(await engine.must('inspect', '-f', '{{.State.Pid}}', victim)), 'SIGKILL');
    await eventually(
      () => engine.must('inspect', '-f', '{{.RestartCount}} {{.State.Health.Status}}', victim),
      (answer) => answer === `${before + 1} healthy`,
    );
  };

  test('nobody notices that a server is killed, and it comes back', async () => {
    const [victim = ''] = await idsOf('app');
    const seen = await whilePeopleLook(port, () => killServer(victim));
    assert.deepEqual(seen.failures, []);
    await nothingIsLost(seen);
  });

  test('nobody notices that the engine is killed and started again', async () => {
    const seen = await whilePeopleLook(port, async () => {
      await engine.kill();
      await delay(1_000);
      await engine.start();
      await delay(1_000);
    });
    assert.deepEqual(seen.failures, []);
    await nothingIsLost(seen);
  });

  test('nobody notices that all servers are replaced', async () => {
    const before = await idsOf('app');
    change(2);
    const seen = await whilePeopleLook(port, async () => void (await compose('up', '-d', '--wait')));
    assert.deepEqual(seen.failures, []);
    await nothingIsLost(seen);
    const now = await idsOf('app');
    assert.equal(now.length, 3);
    assert.deepEqual(
      now.filter((id) => before.includes(id)),
      [],
    );
  });

  const cutOff = async (version: number): Promise<void> => {
    const [database = ''] = await idsOf('database');
    change(version);
    const update = compose('up', '-d', '--wait').then(
      () => 'done',
      () => 'given up',
    );
    await delay(500);
    await engine.must('network', 'disconnect', 'three-tier_back', database);
    await delay(2_000);
    await engine.must('network', 'connect', '--alias', 'database', 'three-tier_back', database);
    await update;
    await compose('up', '-d', '--wait');
  };
  const fillDisk = async (): Promise<void> => {
    const [database = ''] = await idsOf('database');
    const ballast = '/var/lib/postgresql/data/ballast';
    await engine.orlop('exec', database, 'dd', 'if=/dev/zero', `of=${ballast}`, 'bs=1M');
    await delay(3_000);
    // The server may have ended, and the container wait for its next start.
    await engine.must('file', 'rm', `${database}${ballast}`);
  };

  test('a database that is cut off while servers are replaced loses no visit', async () => {
    const seen = await whilePeopleLook(port, () => cutOff(3));
    await healthyAgain();
    await nothingIsLost(seen);
    assert.equal((await idsOf('app')).length, 3);
  });

  test('a full disk loses no visit, and the page comes back when there is room', async () => {
    const seen = await whilePeopleLook(port, fillDisk);
    await healthyAgain();
    await nothingIsLost(seen);
  });

  test('no request of wrk fails while a server and the engine are killed and all servers are replaced', async () => {
    const [victim = ''] = await idsOf('app');
    change(4);
    const { answered, failed } = await whileWrkAsks(engine, `http://127.0.0.1:${port}/`, async () => {
      await killServer(victim);
      await engine.kill();
      await engine.start();
      await compose('up', '-d', '--wait');
    });
    assert.deepEqual(failed, { status: 0, connect: 0, read: 0, write: 0, timeout: 0 });
    await nothingIsLost({ visits: answered, failures: [] });
  });

  test('what wrk was told is kept, although the database is cut off during an update and its disk fills up', async () => {
    const { answered } = await whileWrkAsks(engine, `http://127.0.0.1:${port}/`, async () => {
      await cutOff(5);
      await fillDisk();
    });
    await healthyAgain();
    await nothingIsLost({ visits: answered, failures: [] });
  });

  test('down and up again finds the visits', async () => {
    await compose('down');
    assert.equal(await engine.must('ps', '-aq'), '');
    await compose('up', '-d', '--wait');
    const counted = (await visits()).visits;
    assert.ok(counted >= acknowledged, `${acknowledged} visits were acknowledged, and the database has ${counted}`);
    await compose('down', '-v');
    assert.doesNotMatch(await engine.must('volume', 'ls', '-q'), /three-tier/);
  });
});
