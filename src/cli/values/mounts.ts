import { resolve } from 'node:path';
import { toOrlopError } from '#errors';
import { dockerMountOf, parseShortMount, type DockerHostConfig, type MountWish } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { refusedValue, usageError } from '../arguments/usage-error.ts';
import type { ContainerOptions } from './container-options.ts';
import { parseMountFlag } from './mount-flag.ts';

type MountOptions = Pick<ContainerOptions, 'mounts' | 'volumesFrom' | 'volumes' | 'volumeDriver'>;

/** `-v`, `--mount`, `--volumes-from` and `--volume-driver`; only what was given is there. Paths that begin with a dot are of the working directory. */
export function readMountOptions(args: Arguments, directory: string = process.cwd()): MountOptions {
  const volumeDriver = args.text('volume-driver');
  const short = args.list('volume').map((text) => parse('v, --volume', text, () => parseShortMount(absolute(text, directory))));
  const withDriver = (wish: MountWish): MountWish =>
    wish.type === 'volume' && volumeDriver !== undefined && wish.driver === undefined ? { ...wish, driver: volumeDriver } : wish;
  const long = args.list('mount').map((text) => parse('-mount', text, () => parseMountFlag(text, directory)));
  const mounts = [...short.filter(({ source }) => source !== undefined), ...long].map(withDriver);
  const volumes = short.filter(({ source }) => source === undefined).map(({ target }) => target);
  return {
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(args.has('volumes-from') ? { volumesFrom: args.list('volumes-from') } : {}),
    ...(volumeDriver === undefined ? {} : { volumeDriver }),
  };
}

/** The same as Docker's API takes it. */
export function mountConfigOf({
  mounts = [],
  volumesFrom,
  volumeDriver,
}: MountOptions): Pick<
  { readonly [Key in keyof DockerHostConfig]: DockerHostConfig[Key] | undefined },
  'Binds' | 'Mounts' | 'VolumesFrom' | 'VolumeDriver'
> {
  const binds = mounts.flatMap(({ short }) => (short === undefined ? [] : [short]));
  const others = mounts.filter(({ short }) => short === undefined).map(dockerMountOf);
  return {
    Binds: binds.length === 0 ? undefined : binds,
    Mounts: others.length === 0 ? undefined : others,
    VolumesFrom: volumesFrom === undefined ? undefined : [...volumesFrom],
    VolumeDriver: volumeDriver,
  };
}

function absolute(text: string, directory: string): string {
  const [source = '', ...rest] = text.split(':');
  return source.startsWith('.') && rest.length > 0 ? [resolve(directory, source), ...rest].join(':') : text;
}

function parse(flag: string, text: string, read: () => MountWish): MountWish {
  try {
    return read();
  } catch (error) {
    const { code, message } = toOrlopError(error);
    if (!code.startsWith('CLI_')) throw refusedValue(message);
    throw usageError(`invalid argument ${JSON.stringify(text)} for "-${flag}" flag: ${message}`);
  }
}
