export { createVolumeName } from './names.ts';
export { openVolumes, type OpenVolumesOptions } from './volumes.ts';
export type { VolumeDriver, VolumeRecord, VolumeRequest, Volumes, VolumeSizes } from './types.ts';
