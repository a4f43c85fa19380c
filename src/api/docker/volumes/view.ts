import type { DiskView, DockerVolume, VolumeView } from '#wire';

/** A volume in Docker's fields and their order; what is empty is null. */
export function volumeOf({ name, driver, labels, options, createdAtMs, path }: VolumeView): DockerVolume {
  return {
    CreatedAt: new Date(createdAtMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    Driver: driver,
    Labels: mapOf(labels),
    Mountpoint: path,
    Name: name,
    Options: mapOf(options),
    Scope: 'local',
  };
}

/** With what it takes on disk. */
export function usedVolumeOf(view: DiskView['volumes'][number]): DockerVolume {
  return { ...volumeOf(view), UsageData: { Size: view.bytes, RefCount: view.containers } };
}

function mapOf(map: Readonly<Record<string, string>>): Record<string, string> | null {
  return Object.keys(map).length === 0 ? null : { ...map };
}
