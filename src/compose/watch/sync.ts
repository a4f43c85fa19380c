import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '#client';
import { isErrno, isOrlopError } from '#errors';
import { runHooks } from '../converge/hooks.ts';
import type { ObservedContainer } from '../plan/observed.ts';
import type { ServiceConfig } from '../model/service.ts';
import { pathInRule, type IgnoredContext, type Reaction } from './rules.ts';

/** Makes a path in a container what it is here: a file, a directory, or gone. Needs no program in the container. */
async function copyInto(client: Client, ref: string, from: string, to: string): Promise<void> {
  try {
    const found = await stat(from);
    const mode = found.mode & 0o7777;
    if (found.isDirectory()) await client.files.makeDirectory(ref, to, { parents: true, mode });
    else if (found.isFile()) await client.files.writeContent(ref, to, createReadStream(from), { parents: true, mode });
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    await client.files.remove(ref, to, { recursive: true }).catch((failure: unknown) => {
      if (!isOrlopError(failure, 'not-found')) throw failure;
    });
  }
}

/** Copies what changed into a container, and restarts it or runs commands in it where its rules say so. */
export async function react(
  client: Client,
  { id: ref, service }: Pick<ObservedContainer, 'id' | 'service'>,
  { copies, restarts, commands }: Reaction,
): Promise<void> {
  // Directories before what is in them.
  for (const { from, to } of copies.toSorted((a, b) => (a.to < b.to ? -1 : 1))) await copyInto(client, ref, from, to);
  if (restarts) await client.containers.restart(ref);
  await runHooks(client, { ref, service }, commands);
}

/** All paths of rules that say `initial_sync`, as if they had changed. */
export async function listInitial(service: ServiceConfig, context: IgnoredContext | null): Promise<string[]> {
  const found: string[] = [];
  for (const rule of service.develop?.watch ?? []) {
    if (rule.initial_sync !== true || rule.path === undefined) continue;
    const root = rule.path;
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
      if (isErrno(error, 'ENOTDIR')) return [];
      throw error;
    });
    const paths = entries.length === 0 ? [root] : entries.map((entry) => join(entry.parentPath, entry.name));
    found.push(...paths.filter((path) => pathInRule(rule, path, context) !== null));
  }
  return found;
}
