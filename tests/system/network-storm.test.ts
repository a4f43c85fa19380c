import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

/** `ORLOP_STORM=200` and `ORLOP_CROWD=1200` make of these what they are meant to show; by default they are quick. */
const stormSize = Number(process.env['ORLOP_STORM'] ?? 12);
const crowdSize = Number(process.env['ORLOP_CROWD'] ?? 20);
const sideBySide = 8;

interface Place {
  readonly IPAddress: string;
  readonly MacAddress: string;
}

interface Inspected {
  readonly Name: string;
  readonly State: { readonly Pid: number };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, Place>> };
}

/** The same numbers from the same seed (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
}

describe('many containers in networks', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  const start = (name: string, ...flags: string[]): Promise<string> =>
    engine.must('run', '-d', '--name', name, '--stop-timeout', '0', ...flags, 'busybox', 'sleep', '100000');
  const inspect = async (names: readonly string[]): Promise<Inspected[]> =>
    JSON.parse(await engine.must('inspect', '--type', 'container', ...names)) as Inspected[];
  const addressesInside = (pid: number): string[] => {
    const text = execFileSync('nsenter', ['-t', String(pid), '-n', 'ip', '-j', '-4', 'address'], { encoding: 'utf8' });
    const links = JSON.parse(text) as { ifname: string; addr_info: { local: string }[] }[];
    return links.filter(({ ifname }) => ifname !== 'lo').flatMap(({ addr_info }) => addr_info.map(({ local }) => local));
  };
  const find = async (asker: string, name: string): Promise<string[]> => {
    const { stdout } = await engine.orlop('exec', asker, 'nslookup', '-type=a', name);
    return [...stdout.matchAll(/^Address(?: \d+)?:\s+(\d+\.\d+\.\d+\.\d+)$/gm)].map(([, address = '']) => address);
  };

  test('come and go at random; addresses, links and names are at each moment what the engine says', { timeout: 900_000 }, async () => {
    const random = createRandom(20_261_121);
    const networks = Array.from({ length: Math.max(3, Math.ceil(stormSize / 40)) }, (_none, at) => `storm${at}`);
    for (const network of networks) await engine.must('network', 'create', network);
    const names = Array.from({ length: stormSize }, (_none, at) => `leaf${at}`);
    await inTurns(names, (name) => start(name, '--network', networks[random(networks.length)] ?? ''));
    for (let round = 0; round < 3; round++) {
      await inTurns(names, async (name) => {
        const network = networks[random(networks.length)] ?? '';
        // Whether it is in it already is the engine's to say.
        await engine.orlop('network', random(2) === 0 ? 'connect' : 'disconnect', network, name);
        if (random(6) === 0) await engine.must('restart', '-t', '0', name);
      });
      if (round === 1) {
        await engine.kill();
        await engine.start();
      }
      const all = await inspect(names);
      const taken = all.flatMap(({ NetworkSettings }) => Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress));
      assert.equal(new Set(taken).size, taken.length, 'an address has been given twice');
      for (const { Name, State, NetworkSettings } of all) {
        const said = Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress);
        assert.deepEqual(addressesInside(State.Pid).toSorted(), said.toSorted(), Name);
      }
      for (let question = 0; question < 20; question++) {
        const [asker, asked] = [all[random(all.length)], all[random(all.length)]];
        if (asker === undefined || asked === undefined || asker === asked) continue;
        const shared = Object.keys(asker.NetworkSettings.Networks).filter((network) => network in asked.NetworkSettings.Networks);
        if (Object.keys(asker.NetworkSettings.Networks).length === 0) continue;
        const wanted = shared.map((network) => asked.NetworkSettings.Networks[network]?.IPAddress ?? '');
        const answers = (await find(asker.Name.slice(1), asked.Name.slice(1))).filter((address) => address !== '127.0.0.11');
        // As with Docker, one of the networks that both are in answers.
        const fits =
          wanted.length === 0 ? answers.length === 0 : answers.length > 0 && answers.every((address) => wanted.includes(address));
        assert.ok(fits, `${asker.Name} asks for ${asked.Name}: ${answers.join()} instead of ${wanted.join()}`);
      }
    }
    await inTurns(names, (name) => engine.must('rm', '-f', name));
    for (const network of networks) await engine.must('network', 'rm', network);
  });

  test('in one network, all answer to their names', { timeout: 1_800_000 }, async () => {
    await engine.must('network', 'create', '--subnet', '10.231.0.0/16', 'crowd');
    const names = Array.from({ length: crowdSize }, (_none, at) => `one-of-many-${at}`);
    await inTurns(names, (name) => start(name, '--network', 'crowd'));
    const all = await inspect(names);
    const asker = names[0] ?? '';
    const script = names.map((name) => `nslookup -type=a ${name} | grep -o 'Address.*10[.].*' || echo missing ${name}`).join('\n');
    const answers = (await engine.must('exec', asker, 'sh', '-c', script)).split('\n').map((line) => line.replace(/^.* /, ''));
    assert.deepEqual(
      answers,
      all.map(({ NetworkSettings }) => NetworkSettings.Networks['crowd']?.IPAddress),
    );
    // The first and the last reach each other, however many bridges are between them.
    const last = all.at(-1)?.NetworkSettings.Networks['crowd']?.IPAddress ?? '';
    await engine.must('exec', asker, 'ping', '-c', '1', '-W', '5', last);
    await inTurns(names, (name) => engine.must('rm', '-f', name));
    await engine.must('network', 'rm', 'crowd');
  });
});
