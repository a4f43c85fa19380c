import { OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { formatLimit, formatWhole, type CgroupVersion, type CgroupWrite } from './writes.ts';

/** cgroup-v1/hugetlb.rst; page sizes are written `2MB`, `1GB`, `64KB`. Reservations are limited together with use where the kernel can. */
export function planHugetlb(limits: NonNullable<LinuxResources['hugepageLimits']>, version: CgroupVersion): CgroupWrite[] {
  return limits.map(({ pageSize, limit }, index) => {
    const about = `linux.resources.hugepageLimits[${index}]`;
    if (!/^[1-9]\d*[KMG]B$/.test(pageSize)) {
      throw new OrlopError(
        'invalid-argument',
        'RUNTIME_HUGE_PAGE_SIZE',
        `${about}.pageSize ${JSON.stringify(pageSize)} is not a page size`,
        { hint: 'write it as 2MB or 1GB' },
      );
    }
    const file = version === 1 ? `hugetlb.${pageSize}.limit_in_bytes` : `hugetlb.${pageSize}.max`;
    return { controller: 'hugetlb', file, value: version === 1 ? formatWhole(limit) : formatLimit(limit), about };
  });
}
