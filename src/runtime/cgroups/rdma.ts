import type { LinuxResources } from '#oci';
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
