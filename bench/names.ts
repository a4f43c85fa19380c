import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createLogger } from '#log';
import { openNameServers } from '#network';
import { loadAddon } from '#sys';
import { projectRoot } from '../scripts/rooms.ts';
import type { Row, Series } from './samples.ts';

const crowd = 1200;
const address = (index: number): string => `10.1.${index >> 8}.${index & 255}`;

/**
 * Names of one network with 1,200 containers, asked for from a namespace as a container would: our server beside dnsmasq, which is C and has its names in a table, in the
 * same namespace. Both are asked by the same client.
 */
export async function names(scratch: string, rounds: number): Promise<Row[]> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo made && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const inside = ['nsenter', `--net=/proc/${holder.pid}/ns/net`];
  using servers = openServers(holder.pid ?? 0);
  await servers.ready;
  const dnsmasq = startDnsmasq(inside, scratch);
  try {
    const ask = [inside, ...(dnsmasq === null ? [] : [inside])].map((command, index) => ({
      who: ['orlop', 'dnsmasq'][index] ?? '',
      once: (questions: number, atOnce: number) =>
        run([
          ...command,
          process.execPath,
          join(projectRoot, 'bench/name-client.ts'),
          `127.0.0.${11 + index}`,
          String(crowd),
          String(questions),
          String(atOnce),
        ]),
    }));
    const measure = async (questions: number, atOnce: number, unit: (ms: number) => number): Promise<Series[]> => {
      const series = ask.map(({ who }) => ({ who, values: [] as number[] }));
      for (let round = 0; round < rounds; round += 1) {
        for (const [index, { once: askOnce }] of ask.entries()) series[index]?.values.push(unit(await askOnce(questions, atOnce)));
      }
      return series;
    };
    return [
      { work: 'names: 32 questions at once', unit: 'per s', budget: '', series: await measure(10_000, 32, (ms) => 1e7 / ms) },
      { work: 'names: one question', unit: 'us', budget: '', series: await measure(2000, 1, (ms) => ms / 2) },
    ];
  } finally {
    dnsmasq?.kill('SIGKILL');
    holder.stdin.end();
  }
}

function openServers(pid: number): Disposable & { readonly ready: Promise<void> } {
  const places = Array.from({ length: crowd }, (_, index) => ({
    containerId: `c${index}`,
    network: 'crowd',
    names: [`c${index}`, `id${index}`],
    address: address(index),
  }));
  const directory = { placesOf: () => places.slice(0, 1), membersOf: () => places, revision: () => 0 };
  const servers = openNameServers({ addon: loadAddon(), directory, logger: createLogger({ level: 'error' }) });
  const namespace = openSync(`/proc/${pid}/ns/net`, 'r');
  const ready = servers.serve('c0', namespace).finally(() => closeSync(namespace));
  return { ready, [Symbol.dispose]: () => servers[Symbol.dispose]() };
}

/** null: it is not installed. */
function startDnsmasq(inside: readonly string[], scratch: string): ChildProcess | null {
  if (spawnSync('dnsmasq', ['--version']).error !== undefined) return null;
  const hosts = join(scratch, 'names');
  writeFileSync(hosts, Array.from({ length: crowd }, (_, index) => `${address(index)} c${index}\n`).join(''));
  const options = [
    '--keep-in-foreground',
    '--user=root',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--no-resolv',
    '--no-hosts',
    `--addn-hosts=${hosts}`,
  ];
  return spawn('nsenter', [...inside.slice(1), 'dnsmasq', ...options, '--listen-address=127.0.0.12', '--bind-interfaces'], {
    stdio: 'inherit',
  });
}

async function run([file = '', ...args]: readonly string[]): Promise<number> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number | null]>]);
  if (code !== 0) throw new Error(`the client ended with ${code}`);
  return Number(said);
}
