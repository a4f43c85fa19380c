import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isErrno, isOrlopError } from '#errors';
import { AT_FDCWD, type Addon } from '#sys';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import type { SettingFacts } from './places.ts';

/** What settings of this container mean on this host. */
export function settingFacts(context: EngineContext, record: Pick<ContainerRecord, 'image'>): SettingFacts {
  const config = imageConfig(context, record);
  return {
    hostMemoryBytes: totalmem(),
    disk: diskOf(context.addon, context.dataRoot),
    imageEnv: config?.env ?? [],
    imageLabels: config?.labels ?? {},
  };
}

/** null: it is not there any more. */
function imageConfig(context: EngineContext, { image }: Pick<ContainerRecord, 'image'>) {
  try {
    const { config } = context.images.resolve(image.id).config;
    return { env: config?.Env ?? [], labels: config?.Labels ?? {} };
  } catch (error) {
    if (!isOrlopError(error, 'not-found')) throw error;
    return null;
  }
}

/** The whole disk that a directory lies on: the kernel throttles no partitions (blkio-controller.rst). sysfs(5) tells which one it is. */
export function diskOf(addon: Addon, directory: string): SettingFacts['disk'] {
  const { dev } = addon.fstatat(AT_FDCWD, directory, 0);
  const place = `/sys/dev/block/${majorOf(dev)}:${minorOf(dev)}`;
  const why = `the file system of ${directory} lies on no block device that the kernel could hold it to`;
  try {
    const own = realpathSync(place);
    const disk = existsSync(join(own, 'partition')) ? dirname(own) : own;
    const name = /^DEVNAME=(.*)$/m.exec(readFileSync(join(disk, 'uevent'), 'utf8'))?.[1] ?? basename(disk);
    return existsSync(`/dev/${name}`) ? { path: `/dev/${name}` } : { path: null, why };
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    return { path: null, why };
  }
}

/** makedev(3), as glibc packs it. */
function majorOf(dev: bigint): bigint {
  return ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
}

function minorOf(dev: bigint): bigint {
  return (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
}
