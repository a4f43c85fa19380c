import type { JsonReader } from '#api/http';
import { mountWishOf, parseShortMount, type CreateRequest, type DockerMount, type MountWish } from '#wire';

type MountPart = Pick<CreateRequest, 'mounts' | 'volumesFrom' | 'volumes' | 'volumeDriver'>;

/** What a create request says of volumes and mounts, but for `--tmpfs`. */
export function decodeMounts(config: JsonReader, host: JsonReader, apiVersion: string): MountPart {
  const volumeDriver = host.text('VolumeDriver');
  const withDriver = (wish: MountWish): MountWish =>
    wish.type === 'volume' && volumeDriver !== '' && wish.driver === undefined ? { ...wish, driver: volumeDriver } : wish;
  const mounts = [
    ...(host.texts('Binds') ?? []).map(parseShortMount),
    ...host.objects('Mounts').map((mount) => mountWishOf(readMount(mount))),
  ].map((wish) => withDriver(before144(wish, apiVersion)));
  const volumesFrom = host.texts('VolumesFrom') ?? [];
  const volumes = config.object('Volumes').keys;
  return {
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(volumesFrom.length === 0 ? {} : { volumesFrom }),
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(volumeDriver === '' ? {} : { volumeDriver }),
  };
}

/** Clients of before v1.44 do not expect that mounts below become read-only as well. */
function before144(wish: MountWish, apiVersion: string): MountWish {
  const isOld = Number(apiVersion.split('.')[1]) < 44 && apiVersion.startsWith('1.');
  return isOld && wish.type === 'bind' && wish.readOnly === true ? { ...wish, recursiveReadOnly: 'no' } : wish;
}

function readMount(mount: JsonReader): DockerMount {
  const given = <Value>(key: string, read: (reader: JsonReader) => Value): Value | undefined => {
    const value = mount.raw(key) ?? null;
    return value === null ? undefined : read(mount.object(key));
  };
  return compact({
    Type: mount.text('Type'),
    Source: mount.text('Source'),
    Target: mount.text('Target'),
    ReadOnly: mount.flag('ReadOnly'),
    Consistency: mount.text('Consistency'),
    BindOptions: given('BindOptions', readBindOptions),
    VolumeOptions: given('VolumeOptions', readVolumeOptions),
    ImageOptions: given('ImageOptions', (options) => ({ Subpath: options.text('Subpath') })),
    TmpfsOptions: given('TmpfsOptions', readTmpfsOptions),
    Uid: (mount.raw('Uid') ?? null) === null ? undefined : mount.integer('Uid'),
    Gid: (mount.raw('Gid') ?? null) === null ? undefined : mount.integer('Gid'),
  });
}

function readBindOptions(options: JsonReader): NonNullable<DockerMount['BindOptions']> {
  return {
    Propagation: options.text('Propagation'),
    NonRecursive: options.flag('NonRecursive'),
    CreateMountpoint: options.flag('CreateMountpoint'),
    ReadOnlyNonRecursive: options.flag('ReadOnlyNonRecursive'),
    ReadOnlyForceRecursive: options.flag('ReadOnlyForceRecursive'),
  };
}

function readVolumeOptions(options: JsonReader): NonNullable<DockerMount['VolumeOptions']> {
  const driver = options.object('DriverConfig');
  return {
    NoCopy: options.flag('NoCopy'),
    Labels: options.textMap('Labels') ?? {},
    DriverConfig: { Name: driver.text('Name'), Options: driver.textMap('Options') ?? {} },
    Subpath: options.text('Subpath'),
  };
}

function readTmpfsOptions(options: JsonReader): NonNullable<DockerMount['TmpfsOptions']> {
  const words = options.raw('Options') ?? [];
  // Anything but lists of texts is refused further on, as an option of the wrong length.
  const isList = (item: unknown): item is string[] => Array.isArray(item) && item.every((word) => typeof word === 'string');
  return {
    SizeBytes: options.integer('SizeBytes'),
    Mode: options.integer('Mode'),
    Options: Array.isArray(words) ? words.map((item: unknown) => (isList(item) ? item : [])) : [[]],
  };
}

function compact<Value extends object>(draft: { readonly [Key in keyof Value]: Value[Key] | undefined }): Value {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as Value;
}
