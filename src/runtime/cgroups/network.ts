import type { LinuxNetworkCgroup } from '#oci';
import { formatWhole, refuseResource, type CgroupVersion, type CgroupWrite } from './writes.ts';

/** cgroup-v1/net_cls.rst and net_prio.rst: tags for traffic control, which cgroup v2 left to the firewall. */
export function planNetworkTags(network: LinuxNetworkCgroup, version: CgroupVersion): CgroupWrite[] {
  const at = 'linux.resources.network';
  const writes: CgroupWrite[] = [
    ...(network.classID === undefined || network.classID === 0
      ? []
      : [{ controller: 'net_cls', file: 'net_cls.classid', value: formatWhole(network.classID), about: `${at}.classID` } as const]),
    ...(network.priorities ?? []).map(
      ({ name, priority }, index): CgroupWrite => ({
        controller: 'net_prio',
        file: 'net_prio.ifpriomap',
        value: `${name} ${priority}`,
        about: `${at}.priorities[${index}]`,
      }),
    ),
  ];
  if (version === 2 && writes[0] !== undefined) throw refuseResource(writes[0].about, 'cgroup v2 has no network tags');
  return writes;
}
