import type { LinuxResources } from '#oci';
import { planBlockIo } from './blkio.ts';
import { type CpuFacts, planCpu } from './cpu.ts';
import { planCpuset } from './cpuset.ts';
import { completeDeviceRules, planDevicesV1 } from './devices.ts';
import { planHugetlb } from './hugetlb.ts';
import { type MemoryFacts, planMemory } from './memory.ts';
import { planNetworkTags } from './network.ts';
import { planPids } from './pids.ts';
import { planRdma } from './rdma.ts';
import type { CgroupController } from './types.ts';
import { type CgroupVersion, type CgroupWrite, refuseResource } from './writes.ts';

export interface ResourceFacts {
  readonly versionOf: (controller: CgroupController) => CgroupVersion | null;
  readonly memory: MemoryFacts;
  readonly cpu: CpuFacts;
}

/**
 * The writes that make these resources hold, in order: all but the device rules of v2. A controller that the host lacks is refused by name, as is what its version cannot
 * express; nothing is passed over in silence.
 */
export function planResources(resources: LinuxResources, facts: ResourceFacts): CgroupWrite[] {
  const versionOf = (controller: CgroupController): CgroupVersion => facts.versionOf(controller) ?? 1;
  const writes = [
    ...planDevices(resources.devices, versionOf('devices')),
    ...(resources.memory === undefined ? [] : planMemory(resources.memory, versionOf('memory'), facts.memory)),
    ...(resources.cpu === undefined ? [] : [...planCpuset(resources.cpu), ...planCpu(resources.cpu, versionOf('cpu'), facts.cpu)]),
    ...(resources.pids === undefined ? [] : planPids(resources.pids)),
    ...(resources.blockIO === undefined ? [] : planBlockIo(resources.blockIO, versionOf('blkio'))),
    ...(resources.hugepageLimits === undefined ? [] : planHugetlb(resources.hugepageLimits, versionOf('hugetlb'))),
    ...(resources.network === undefined ? [] : planNetworkTags(resources.network, versionOf('net_cls'))),
    ...(resources.rdma === undefined ? [] : planRdma(resources.rdma)),
  ];
  for (const write of writes) {
    if (facts.versionOf(write.controller) === null) throw refuseResource(write.about, `this host has no ${write.controller} controller`);
  }
  return writes;
}

/** On v2 no file takes them: see `applyDeviceProgram`. */
function planDevices(rules: LinuxResources['devices'], version: CgroupVersion): CgroupWrite[] {
  return rules === undefined || version === 2 ? [] : planDevicesV1(completeDeviceRules(rules));
}
