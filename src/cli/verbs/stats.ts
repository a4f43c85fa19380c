import { setTimeout as delay } from 'node:timers/promises';
import type { DockerStats } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { terminalSize, type TerminalSize } from '../terminal/size.ts';
import { formatBinaryBytes, formatBytes } from '../values/size.ts';
import { usageOf } from '../values/usage.ts';
import { sampleAll } from './sample-all.ts';

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

const pauseMs = 1000;

/** Shares of a processor are those of the last second: where the table is not drawn again and again, the first comes after one. */
export const stats: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const engine = await client();
  const refs = args.positionals;
  const once = args.flag('no-stream');
  const live = !once && !args.flag('json') && io.stdout.isTTY;
  let before = await sampleAll(engine, refs, args.flag('all'));
  if (live) await write(io.stdout, `\u001b[2J${onScreen(tableOf(invocation, before, new Map()), terminalSize(io.stdout))}`);
  for (;;) {
    await delay(pauseMs);
    const now = await sampleAll(engine, refs, args.flag('all'));
    if (args.flag('json')) for (const sample of now.values()) await printJson(io, sample);
    else {
      const text = tableOf(invocation, now, before);
      await write(io.stdout, live ? onScreen(text, terminalSize(io.stdout)) : text);
    }
    if (once || (refs.length > 0 && now.size === 0)) return exitCodes.ok;
    before = now;
  }
};

function tableOf({ args }: Invocation, now: ReadonlyMap<string, DockerStats>, before: ReadonlyMap<string, DockerStats>): string {
  const whole = args.flag('no-trunc');
  // Containers that nobody named go by their ids.
  const called = (ref: string): string => (args.positionals.length > 0 || whole ? ref : ref.slice(0, 12));
  const rows = [...now].map(([ref, sample]) => rowOf(called(ref), sample, before.get(ref), whole));
  return formatList(rows, { format: args.text('format'), columns, headers });
}

/** From the upper left corner, over what was there; what would scroll it away is left out. */
function onScreen(text: string, { rows, columns }: TerminalSize = { rows: 24, columns: 80 }): string {
  let room = Math.max(rows, 3) - 1;
  const shown = text.split(/(?<=\n)/).filter((line) => (room -= Math.max(1, Math.ceil((line.length - 1) / columns))) >= 0);
  return `\u001b[H${shown.join('').replaceAll('\n', '\u001b[K\n')}\u001b[J`;
}

function rowOf(ref: string, now: DockerStats, before: DockerStats | undefined, whole: boolean): Record<string, string> {
  const usage = usageOf(now, before);
  const { memoryBytes, memoryLimitBytes } = usage;
  return {
    Container: ref,
    ID: whole ? now.id : now.id.slice(0, 12),
    Name: usage.name,
    CPUPerc: usage.processors === null ? '--' : percent(usage.processors),
    MemUsage: `${formatBinaryBytes(memoryBytes)} / ${formatBinaryBytes(memoryLimitBytes)}`,
    MemPerc: percent(memoryLimitBytes === 0 ? 0 : memoryBytes / memoryLimitBytes),
    NetIO: `${formatBytes(usage.receivedBytes)} / ${formatBytes(usage.sentBytes)}`,
    BlockIO: `${formatBytes(usage.readBytes)} / ${formatBytes(usage.writtenBytes)}`,
    PIDs: String(usage.processes),
  };
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
