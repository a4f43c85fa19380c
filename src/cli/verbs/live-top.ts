import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '#client';
import { usageError } from '../arguments/usage-error.ts';
import { sortKeys, type SortKey } from '../commands/sort-keys.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { painterFor, type Paint } from '../render/colour.ts';
import { printJson } from '../render/json.ts';
import { activityOf, formatTotals, formatUsage, sortUsage, type Activity, type UsageOrder } from '../render/usage-table.ts';
import { openScreen } from '../terminal/screen.ts';
import { usageOf, type Usage } from '../values/usage.ts';
import { sampleAll } from './sample-all.ts';

/** All running containers and what they use: drawn every second on a terminal, once elsewhere. */
export const liveTop: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const order = { key: readSortKey(invocation), reversed: false };
  const look = createObserver(await client());
  await look();
  if (args.flag('json') || args.flag('no-stream') || !io.stdout.isTTY || !io.stdin.isTTY) {
    await delay(pauseMs);
    const list = sortUsage(await look(), order);
    await (args.flag('json') ? printJson(io, list) : write(io.stdout, `${formatTotals(list)}\n\n${formatUsage(list).join('\n')}\n`));
    return exitCodes.ok;
  }
  return runView(invocation, look, order);
};

const pauseMs = 1000;

function readSortKey({ args, command }: Invocation): SortKey {
  const text = args.text('sort') ?? 'cpu';
  if (Object.hasOwn(sortKeys, text)) return text as SortKey;
  throw usageError(
    `invalid argument ${JSON.stringify(text)} for "--sort" flag: it must be one of ${Object.keys(sortKeys).join(', ')}`,
    command,
  );
}

type Observer = () => Promise<Activity[]>;

/** Each look compares with the one before. */
function createObserver(engine: Client): Observer {
  let before = new Map<string, { readonly sample: Parameters<typeof usageOf>[0]; readonly usage: Usage }>();
  let atMs = 0;
  return async () => {
    const samples = await sampleAll(engine, [], false);
    const nowMs = performance.now();
    const next: typeof before = new Map();
    const list = [...samples].map(([id, sample]) => {
      const last = before.get(id);
      const usage = usageOf(sample, last?.sample);
      next.set(id, { sample, usage });
      return activityOf(usage, last?.usage, nowMs - atMs);
    });
    before = next;
    atMs = nowMs;
    return list;
  };
}

async function runView({ io }: Invocation, look: Observer, first: UsageOrder): Promise<number> {
  const paint = painterFor(io.stdout, io.env);
  const quit = new AbortController();
  let order = first;
  let list = await look();
  using screen = openScreen(io, {
    key(key) {
      // Raw mode hands over Ctrl-C and Ctrl-D too.
      if (['q', 'Q', '\u0003', '\u0004', '\u001B'].includes(key)) return quit.abort();
      order = orderAfter(order, key);
      draw();
    },
    resize: () => draw(),
  });
  function draw(): void {
    screen.draw(viewOf(sortUsage(list, order), order, paint));
  }
  while (!quit.signal.aborted) {
    draw();
    // Given up when the view ends.
    await delay(pauseMs, undefined, { signal: quit.signal }).catch(() => undefined);
    if (!quit.signal.aborted) list = await look();
  }
  return exitCodes.ok;
}

/** A key again turns the order round. */
function orderAfter(order: UsageOrder, key: string): UsageOrder {
  if (key === 'r') return { ...order, reversed: !order.reversed };
  const asked = Object.entries(sortKeys).find(([, letter]) => letter === key)?.[0];
  if (asked === undefined) return order;
  return asked === order.key ? { ...order, reversed: !order.reversed } : { key: asked as SortKey, reversed: false };
}

function viewOf(list: readonly Activity[], { key, reversed }: UsageOrder, paint: Paint): string[] {
  const [titles = '', ...rows] = formatUsage(list);
  const keys = Object.entries(sortKeys).map(([name, letter]) =>
    name === key ? paint('bold', `${letter} ${name}${reversed ? '↑' : '↓'}`) : `${letter} ${name}`,
  );
  return [paint('bold', formatTotals(list)), `sort: ${keys.join('  ')}   r reverse   q quit`, '', paint('inverse', titles), ...rows];
}
