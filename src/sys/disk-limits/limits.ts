import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Addon } from '../addon.ts';
import { growImage, imageSize, makeImage, openImage } from './image.ts';
import { markTree } from './mark-tree.ts';
import { enforcesProjects, findProject, markDirectory, projectOf, withDescriptor } from './projects.ts';
import type { DiskLimits, MakeLimited } from './types.ts';

const imageName = 'disk.ext4';

/** An ext4 with a journal wants some room for itself; and whoever asks for less has forgotten a unit. */
const smallestBytes = 16 * 1024 * 1024;

function imageOf(place: string): string {
  return join(place, imageName);
}

function hasImage(place: string): boolean {
  return existsSync(imageOf(place));
}

/** Chooses the way once, by what the file system of `root` can do. */
export function createDiskLimits(addon: Addon, root: string): DiskLimits {
  const way = enforcesProjects(addon, root) ? 'project-quota' : 'image-file';
  return {
    way,
    hasImage,
    async make(place, making) {
      checkSize(making.sizeBytes);
      await (way === 'project-quota' ? makeProject(addon, place, making) : makeDisk(addon, place, making));
    },
    open: async (place) => (hasImage(place) ? openImage(addon, imageOf(place)) : null),
    sizeOf(place, part) {
      if (hasImage(place)) return imageSize(imageOf(place));
      return projectLimit(addon, join(place, part));
    },
    async resize(place, parts, sizeBytes) {
      checkSize(sizeBytes);
      if (hasImage(place)) return growImage(addon, imageOf(place), sizeBytes);
      if (way === 'image-file') throw limitedFromTheStart();
      await resizeProject(addon, place, parts, sizeBytes);
    },
    join(directory, other) {
      const project = projectOf(addon, other);
      if (project !== null) markDirectory(addon, directory, project);
    },
    release(place, parts) {
      for (const part of parts) releaseProject(addon, join(place, part));
    },
  };
}

function checkSize(sizeBytes: number): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes >= smallestBytes) return;
  throw new OrlopError('invalid-argument', 'SYS_DISK_TOO_SMALL', `a disk limit of ${sizeBytes} bytes is too small`, {
    hint: 'the smallest is 16M',
  });
}

/** First the directories are marked, then the limit is set: from the mark, which is found as long as the directory is there, follows what is to be released. */
async function makeProject(addon: Addon, place: string, { sizeBytes, fill }: MakeLimited): Promise<void> {
  let project: number | null = null;
  await fill({
    root: place,
    isHidden: false,
    limit(directory) {
      const isFirst = project === null;
      project ??= findProject(addon, place, place);
      markDirectory(addon, directory, project);
      if (isFirst) setLimit(addon, directory, project, sizeBytes);
    },
  });
}

function setLimit(addon: Addon, directory: string, project: number, sizeBytes: number): void {
  withDescriptor(addon, directory, (descriptor) => addon.setProjectQuota(descriptor, project, sizeBytes));
}

/** The image gets its name when it is whole. */
async function makeDisk(addon: Addon, place: string, { temporary, sizeBytes, fill }: MakeLimited): Promise<void> {
  try {
    await makeImage(temporary, sizeBytes);
    {
      await using disk = await openImage(addon, temporary);
      await fill({ root: disk.path, isHidden: true, limit: () => undefined });
    }
    await rename(temporary, imageOf(place));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function limitedFromTheStart(): OrlopError {
  return new OrlopError(
    'failed-precondition',
    'SYS_DISK_UNLIMITED',
    'it was made without a disk limit, and cannot get one on this file system',
    {
      hint: 'make it anew with --storage-opt size=…, or put the data root on ext4 or xfs mounted with prjquota',
    },
  );
}

async function resizeProject(addon: Addon, place: string, parts: readonly string[], sizeBytes: number): Promise<void> {
  const directories = parts.map((part) => join(place, part));
  const [first] = directories;
  if (first === undefined) return;
  const known = projectOf(addon, first);
  const project = known ?? findProject(addon, first, place);
  // What is there already has to count as well, and a mark may have been cut off halfway.
  if (known === null || !hasLimit(addon, first, known)) for (const directory of directories) await markTree(addon, directory, project);
  const { usedBytes } = withDescriptor(addon, first, (descriptor) => addon.getProjectQuota(descriptor, project));
  if (usedBytes > sizeBytes) {
    throw new OrlopError('conflict', 'SYS_DISK_FULLER', `${usedBytes} bytes are in use already: the disk limit cannot be ${sizeBytes}`, {
      hint: 'remove something first, or choose a larger limit',
    });
  }
  setLimit(addon, first, project, sizeBytes);
}

function hasLimit(addon: Addon, directory: string, project: number): boolean {
  return withDescriptor(addon, directory, (descriptor) => addon.getProjectQuota(descriptor, project)).limitBytes > 0;
}

function projectLimit(addon: Addon, directory: string): number | null {
  const project = projectOf(addon, directory);
  if (project === null) return null;
  try {
    const { limitBytes } = withDescriptor(addon, directory, (descriptor) => addon.getProjectQuota(descriptor, project));
    return limitBytes === 0 ? null : limitBytes;
  } catch (error) {
    // The file system has been mounted without quotas since: nothing is limited now.
    if (isErrno(error, 'ESRCH', 'ENOSYS', 'EINVAL')) return null;
    throw error;
  }
}

function releaseProject(addon: Addon, directory: string): void {
  try {
    const project = projectOf(addon, directory);
    if (project !== null) setLimit(addon, directory, project, 0);
  } catch (error) {
    // Quotas may have been switched off since.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ESRCH', 'ENOSYS', 'EINVAL')) throw error;
  }
}
