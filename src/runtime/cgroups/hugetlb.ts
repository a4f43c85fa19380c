import { OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { controlFiles, parseAmount, parseKeyed, readControl } from './files.ts';
import type { CgroupStats, Place } from './types.ts';
import { formatLimit, formatWhole, type CgroupVersion, type CgroupWrite } from './writes.ts';

/** cgroup-v1/hugetlb.rst; page sizes are written `2MB`, `1GB`, `64KB`. Reservations are limited together with use where the kernel can (since 5.7). */
export function planHugetlb(limits: NonNullable<LinuxResources['hugepageLimits']>, version: CgroupVersion): CgroupWrite[] {
  return limits.flatMap(({ pageSize, limit }, index) => {
    const about = `linux.resources.hugepageLimits[${index}]`;
    if (!/^[1-9]\d*[KMG]B$/.test(pageSize)) {
      throw new OrlopError(
        'invalid-argument',
        'RUNTIME_HUGE_PAGE_SIZE',
        `${about}.pageSize ${JSON.stringify(pageSize)} is not a page size`,
        { hint: 'write it as 2MB or 1GB' },
      );
    }
    const value = version === 1 ? formatWhole(limit) : formatLimit(limit);
    const write = (what: string): CgroupWrite => {
      const file = `hugetlb.${pageSize}.${what}${version === 1 ? 'limit_in_bytes' : 'max'}`;
      return { controller: 'hugetlb', file, value, about };
    };
    return [write(''), { ...write('rsvd.'), optional: true }];
  });
}

/** One figure for each size of page that the kernel has. */
export function readHugetlb(place: Place | null): CgroupStats['hugetlb'] {
  if (place === null) return [];
  const limitFile = place.version === 1 ? 'limit_in_bytes' : 'max';
  return controlFiles(place.directory).flatMap((name): CgroupStats['hugetlb'] => {
    const [, pageSize, what] = /^hugetlb\.(\d+[KMG]B)\.(\w+)$/.exec(name) ?? [];
    if (pageSize === undefined || what !== limitFile) return [];
    const read = (file: string): string | null => readControl(place.directory, `hugetlb.${pageSize}.${file}`);
    const limitBytes = parseAmount(read(limitFile));
    if (place.version === 2) {
      const failures = parseKeyed(read('events'))['max'] ?? 0;
      return [{ pageSize, usageBytes: parseAmount(read('current')) ?? 0, maxUsageBytes: null, limitBytes, failures }];
    }
    const [usageBytes, maxUsageBytes, failures] = ['usage_in_bytes', 'max_usage_in_bytes', 'failcnt'].map(
      (file) => parseAmount(read(file)) ?? 0,
    );
    return [{ pageSize, usageBytes: usageBytes ?? 0, maxUsageBytes: maxUsageBytes ?? 0, limitBytes, failures: failures ?? 0 }];
  });
}
