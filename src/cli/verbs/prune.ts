import { createInterface } from 'node:readline/promises';
import { OrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write, type Io } from '../io.ts';
import { printJson } from '../render/json.ts';
import { parseFilters } from '../values/pairs.ts';
import { formatBytes } from '../values/size.ts';

export const pruneContainers: Verb = async ({ args, io, client }) => {
  if (!args.flag('force') && !(await confirm(io, 'This removes all stopped containers. Go on?'))) return exitCodes.ok;
  const { deleted, freedBytes } = await (await client()).disk.pruneContainers(parseFilters(args.list('filter')));
  if (args.flag('json')) {
    await printJson(io, { ContainersDeleted: deleted, SpaceReclaimed: freedBytes });
    return exitCodes.ok;
  }
  await write(io.stdout, listOf('Deleted Containers', deleted) + reclaimed(freedBytes));
  return exitCodes.ok;
};

export const pruneImages: Verb = async ({ args, io, client }) => {
  const named = args.flag('all');
  const what = named ? 'all images that no container uses' : 'all images without a name that no container uses';
  if (!args.flag('force') && !(await confirm(io, `This removes ${what}. Go on?`))) return exitCodes.ok;
  const { untagged, deleted, freedBytes } = await (await client()).disk.pruneImages({ named, filters: parseFilters(args.list('filter')) });
  if (args.flag('json')) {
    await printJson(io, { Untagged: untagged, Deleted: deleted, SpaceReclaimed: freedBytes });
    return exitCodes.ok;
  }
  await write(io.stdout, listOf('Deleted Images', imageLines({ untagged, deleted })) + reclaimed(freedBytes));
  return exitCodes.ok;
};

/** What is said of images that went. */
export function imageLines({ untagged, deleted }: { readonly untagged: readonly string[]; readonly deleted: readonly string[] }): string[] {
  return [...untagged.map((name) => `untagged: ${name}`), ...deleted.map((id) => `deleted: ${id}`)];
}

export function listOf(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}:\n${lines.join('\n')}\n\n`;
}

function reclaimed(bytes: number): string {
  return `Total reclaimed space: ${formatBytes(bytes)}\n`;
}

/** Asks before something is removed; the answer may be piped in. Fails with `failed-precondition` where nobody answers. */
export async function confirm(io: Io, question: string): Promise<boolean> {
  const answer = io.stdin.isTTY ? await askAtTerminal(io, `${question} [y/N] `) : await firstLine(io);
  if (answer !== undefined) return /^y(es)?$/i.test(answer.trim());
  throw new OrlopError('failed-precondition', 'CLI_USAGE', 'refusing to remove things without an answer', {
    hint: 'say --force, or y on standard input',
  });
}

async function askAtTerminal(io: Io, question: string): Promise<string> {
  const asking = createInterface({ input: io.stdin, output: io.stderr.stream });
  try {
    return await asking.question(question);
  } finally {
    asking.close();
  }
}

async function firstLine(io: Io): Promise<string | undefined> {
  for await (const line of createInterface({ input: io.stdin })) return line;
  return undefined;
}
