import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { SpecMount } from '#oci';
import { AT_FDCWD, idmappedView, OPEN_TREE_CLONE, statInRoot } from '#sys';
import { cloudInitPrograms, planSeed, seedDirectory } from '#system';
import { openUsers } from '../container/root-mount.ts';
import type { ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { isShifted } from '../id-ranges.ts';
import type { ReadySandbox } from '../sandbox-pool.ts';
import { parseMapping } from './seed-settings.ts';

const keys = ['cloud-init.user-data', 'cloud-init.meta-data', 'cloud-init.network-config'] as const;

/**
 * Makes the seed of a machine that is about to start, if its root has a cloud-init, and opens it as a detached mount: it is bound, so that neither snapshots nor images hold what user-data may keep secret.
 * null: it gets none. Failed-precondition `ENGINE_NO_CLOUD_INIT` for a machine without cloud-init of which it was asked.
 */
export function openSeed(
  context: EngineContext,
  { record, files }: LiveContainer,
  { root, ready, borrow }: { readonly root: number; readonly ready: ReadySandbox; readonly borrow: (descriptor: number) => number },
): number | null {
  if (record.kind !== 'system') return null;
  if (!cloudInitPrograms.some((path) => isThere(context, root, path))) {
    refuseUnused(record);
    return null;
  }
  // Anew for each start: a kill in between leaves nothing that matters.
  rmSync(files.seed, { recursive: true, force: true });
  mkdirSync(files.seed, { mode: 0o700 });
  for (const [name, text] of Object.entries(seedOf(record))) writeFileSync(join(files.seed, name), text, { mode: 0o600 });
  if (!isShifted(ready.idRange)) return borrow(context.addon.openTree(AT_FDCWD, files.seed, OPEN_TREE_CLONE));
  using users = openUsers(context, ready);
  return borrow(idmappedView(context.addon, files.seed, users.descriptor));
}

function isThere({ addon }: EngineContext, root: number, path: string): boolean {
  try {
    statInRoot(addon, root, path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EXDEV')) return false;
    throw error;
  }
}

/** Where it goes; it comes as a descriptor. */
export function seedMount(): SpecMount {
  return { destination: seedDirectory, type: 'bind', source: seedDirectory, options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'] };
}

/** What comes of a profile is for those that have a cloud-init. */
function refuseUnused({ name, request, inherited = {} }: ContainerRecord): void {
  const own = keys.find((key) => request.settings?.[key] !== undefined && inherited[key] === undefined);
  if (own === undefined) return;
  throw new OrlopError('failed-precondition', 'ENGINE_NO_CLOUD_INIT', `${name} has ${own}, but no cloud-init to read it`, {
    hint: `launch a template's cloud variant, such as debian/trixie/cloud, or: orlop unset ${name} ${own}`,
  });
}

/** A copy, and other data, make another instance; another name does not. */
function seedOf({ id, hostname, request }: ContainerRecord): Readonly<Record<string, string>> {
  const [userData, metaData, networkConfig] = keys.map((key) => request.settings?.[key]);
  const digest = createHash('sha256')
    .update(JSON.stringify([userData, metaData, networkConfig]))
    .digest('hex');
  return planSeed({
    instanceId: `${id.slice(0, 12)}-${digest.slice(0, 8)}`,
    hostname,
    userData,
    metaData: metaData === undefined ? undefined : parseMapping('cloud-init.meta-data', metaData),
    networkConfig,
  });
}
