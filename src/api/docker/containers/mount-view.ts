import { dockerMountOf, type ContainerView, type DockerHostConfig, type DockerMountPoint, type MountView } from '#wire';

/** One entry of a container's `Mounts`, in the order of Docker's fields. */
export function mountPointOf({ type, name, source, target, driver, mode, writable, propagation }: MountView): DockerMountPoint {
  return {
    Type: type,
    ...(name === undefined ? {} : { Name: name }),
    Source: source,
    Destination: target,
    ...(driver === undefined ? {} : { Driver: driver }),
    Mode: mode,
    RW: writable,
    Propagation: propagation,
  };
}

/** What a request said of mounts, in the form in which it said it. */
export function mountConfigOf({
  mounts = [],
  volumesFrom = [],
  volumeDriver = '',
}: ContainerView['request']): Pick<DockerHostConfig, 'Binds' | 'VolumesFrom' | 'VolumeDriver' | 'Mounts'> {
  const binds = mounts.flatMap(({ short }) => (short === undefined ? [] : [short]));
  const others = mounts.filter(({ short }) => short === undefined).map(dockerMountOf);
  return {
    Binds: binds.length === 0 ? null : binds,
    VolumesFrom: volumesFrom.length === 0 ? null : [...volumesFrom],
    VolumeDriver: volumeDriver,
    ...(others.length === 0 ? {} : { Mounts: others }),
  };
}
