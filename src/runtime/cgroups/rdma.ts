import type { LinuxResources } from '#oci';
import { readControl } from './files.ts';
import type { CgroupStats, Place } from './types.ts';
import type { CgroupWrite } from './writes.ts';

/** cgroup-v1/rdma.rst: the same file in both versions. */
export function planRdma(limits: NonNullable<LinuxResources['rdma']>): CgroupWrite[] {
  return Object.entries(limits).map(([device, { hcaHandles, hcaObjects }]) => ({
    controller: 'rdma',
    file: 'rdma.max',
    value: `${device} hca_handle=${hcaHandles ?? 'max'} hca_object=${hcaObjects ?? 'max'}`,
    about: `linux.resources.rdma.${device}`,
  }));
}

export function readRdma(place: Place | null): CgroupStats['rdma'] {
  return place === null ? [] : parseRdma(readControl(place.directory, 'rdma.current') ?? '');
}

/** Lines `mlx4_0 hca_handle=2 hca_object=2000`. */
export function parseRdma(text: string): CgroupStats['rdma'] {
  return [...text.matchAll(/^(\S+) hca_handle=(\d+) hca_object=(\d+)$/gm)].map(([, device = '', handles, objects]) => ({
    device,
    handles: Number(handles),
    objects: Number(objects),
  }));
}
