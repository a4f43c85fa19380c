import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '#client';
import { isOrlopError } from '#errors';
import type { DockerStats } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { formatList } from '../render/list.ts';
import { formatBinaryBytes, formatBytes } from '../values/size.ts';

const columns = ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'];
const headers = {
  ID: 'CONTAINER ID',
  Container: 'CONTAINER',
  CPUPerc: 'CPU %',
  MemUsage: 'MEM USAGE / LIMIT',
  MemPerc: 'MEM %',
  NetIO: 'NET I/O',
  BlockIO: 'BLOCK I/O',
};

/** Shares of a processor are those of the last second: the first table comes after one. */
const pauseMs = 1000;

export const stats: Verb = async ({ args, io, client }) => {
  const engine = await client();
  const refs = args.positionals;
  const once = args.flag('no-stream');
  const live = !once && io.stdout.isTTY;
  for (let before = await sampleAll(engine, refs, args.flag('all')); ; ) {
    await delay(pauseMs);
    const now = await sampleAll(engine, refs, args.flag('all'));
    const rows = [...now].map(([ref, sample]) => rowOf(ref, sample, before.get(ref), args.flag('no-trunc')));
    const text = formatList(rows, { format: args.text('format'), columns, headers });
    await write(io.stdout, live ? onScreen(text) : text);
    if (once || (refs.length > 0 && now.size === 0)) return exitCodes.ok;
    before = now;
  }
};

/** By the name that was asked for, else by id. A container that is not there at first is an error; later it has gone. */
async function sampleAll(engine: Client, refs: readonly string[], all: boolean): Promise<Map<string, DockerStats>> {
  const wanted = refs.length > 0 ? refs : (await engine.containers.list({ all })).map(({ Id }) => Id);
  const samples = await Promise.all(
    wanted.map(async (ref) => {
      try {
        return [[ref, await engine.containers.sample(ref)] as const];
      } catch (error) {
        if (refs.length === 0 && isOrlopError(error, 'not-found')) return [];
        throw error;
      }
    }),
  );
  return new Map(samples.flat());
}

/** From the upper left corner, over what was there. */
function onScreen(text: string): string {
  return `\u001b[H${text.replaceAll('\n', '\u001b[K\n')}\u001b[J`;
}

function rowOf(ref: string, now: DockerStats, before: DockerStats | undefined, whole: boolean): Record<string, string> {
  const used = memoryOf(now);
  const limit = now.memory_stats.limit ?? 0;
  const networks = Object.values(now.networks ?? {});
  const sum = (field: string): number => networks.reduce((total, counters) => total + (counters[field] ?? 0), 0);
  const moved = (op: string): number =>
    (now.blkio_stats.io_service_bytes_recursive ?? []).reduce((total, entry) => total + (entry.op === op ? entry.value : 0), 0);
  return {
    Container: ref,
    ID: whole ? now.id : now.id.slice(0, 12),
    Name: now.name.replace(/^\//, ''),
    CPUPerc: percent(processorShare(now, before)),
    MemUsage: `${formatBinaryBytes(used)} / ${formatBinaryBytes(limit)}`,
    MemPerc: percent(limit === 0 ? 0 : used / limit),
    NetIO: `${formatBytes(sum('rx_bytes'))} / ${formatBytes(sum('tx_bytes'))}`,
    BlockIO: `${formatBytes(moved('read'))} / ${formatBytes(moved('write'))}`,
    PIDs: String(now.pids_stats.current ?? 0),
  };
}

/** Without what the kernel can drop at any time; the field is that of cgroup v1, else of v2. */
function memoryOf({ memory_stats: { usage = 0, stats: detail = {} } }: DockerStats): number {
  const droppable = detail['total_inactive_file'] ?? detail['inactive_file'] ?? 0;
  return droppable < usage ? usage - droppable : usage;
}

/** Of one processor: two that are busy are 2. */
function processorShare(now: DockerStats, before: DockerStats | undefined): number {
  if (before === undefined) return 0;
  const own = now.cpu_stats.cpu_usage.total_usage - before.cpu_stats.cpu_usage.total_usage;
  const host = (now.cpu_stats.system_cpu_usage ?? 0) - (before.cpu_stats.system_cpu_usage ?? 0);
  return own > 0 && host > 0 ? (own / host) * (now.cpu_stats.online_cpus ?? 1) : 0;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
