import type { DockerMountPoint, MountView } from '#wire';

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
