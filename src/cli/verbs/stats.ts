import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '#client';
import { isOrlopError } from '#errors';
import { usageOf, type DockerStats } from '#wire';
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
  const usage = usageOf(now, before);
  const { memoryBytes: used, memoryLimitBytes: limit } = usage;
  return {
    Container: ref,
    ID: whole ? now.id : now.id.slice(0, 12),
    Name: now.name.replace(/^\//, ''),
    CPUPerc: percent(usage.processors),
    MemUsage: `${formatBinaryBytes(used)} / ${formatBinaryBytes(limit)}`,
    MemPerc: percent(limit === 0 ? 0 : used / limit),
    NetIO: `${formatBytes(usage.receivedBytes)} / ${formatBytes(usage.sentBytes)}`,
    BlockIO: `${formatBytes(usage.readBytes)} / ${formatBytes(usage.writtenBytes)}`,
    PIDs: String(usage.pids),
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
