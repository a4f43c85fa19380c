import { createInterface } from 'node:readline/promises';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { aside, write, type Io } from '../io.ts';
import { printJson } from '../render/json.ts';
import { parseFilters } from '../values/pairs.ts';
import { formatBytes } from '../values/size.ts';

export const pruneContainers: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  if (!(await mayRemove(invocation, ' all stopped containers.'))) return exitCodes.ok;
  const { deleted, freedBytes } = await (await client()).disk.pruneContainers(parseFilters(args.list('filter')));
  if (args.flag('json')) {
    await printJson(io, { ContainersDeleted: deleted, SpaceReclaimed: freedBytes });
    return exitCodes.ok;
  }
  await write(io.stdout, listOf('Deleted Containers', deleted) + reclaimed(freedBytes));
  return exitCodes.ok;
};

export const pruneImages: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const named = args.flag('all');
  const what = named ? 'all images without at least one container associated to them' : 'all dangling images';
  if (!(await mayRemove(invocation, ` ${what}.`))) return exitCodes.ok;
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

/** Asks in Docker's words, unless `--force` was given; a document of `--json` stays alone on the standard output. `what` follows "This will remove". */
export async function mayRemove({ args, io }: Pick<Invocation, 'args' | 'io'>, what: string): Promise<boolean> {
  if (args.flag('force')) return true;
  const question = `WARNING! This will remove${what}\nAre you sure you want to continue?`;
  return confirm(args.flag('json') ? aside(io) : io, question);
}

/** Asks before something is done; the answer may be piped in, and none at all is a no. */
export async function confirm(io: Io, question: string): Promise<boolean> {
  await write(io.stdout, `${question} [y/N] `);
  const answer = await firstLine(io);
  return /^y(es)?$/i.test(answer.trim());
}

async function firstLine(io: Io): Promise<string> {
  for await (const line of createInterface({ input: io.stdin })) return line;
  return '';
}
