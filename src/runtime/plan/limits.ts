import type { Rlimit } from '#oci';
import { type Op, rlimits as numbers } from '#sys';
import { rejectField } from './refuse.ts';

/** setrlimit(2). The values are asked for as they stand: what the kernel does not permit fails when the plan runs. */
export function planRlimits(limits: readonly Rlimit[], at: string): Op[] {
  const seen = new Set<string>();
  return limits.map((limit, index) => {
    const path = `${at}[${index}]`;
    if (!Object.hasOwn(numbers, limit.type))
      throw rejectField(`${path}.type`, `${JSON.stringify(limit.type)} is no resource`, 'see getrlimit(2)');
    if (seen.has(limit.type)) throw rejectField(`${path}.type`, `${limit.type} is given twice`);
    seen.add(limit.type);
    const [soft, hard] = [BigInt(limit.soft), BigInt(limit.hard)];
    if (soft > hard) throw rejectField(path, `${limit.type}: the soft limit ${soft} is above the hard limit ${hard}`);
    return { op: 'set_rlimit', resource: numbers[limit.type as keyof typeof numbers], soft, hard };
  });
}

/** What a process may have at most: the hard limits it has, or anything with CAP_SYS_RESOURCE. */
export type HardLimits = Readonly<Record<string, bigint>>;

/** Lowers default limits to what we may set ourselves; limits that a user asked for must not come here. */
export function clampRlimits(limits: readonly Rlimit[], hardLimits: HardLimits): Rlimit[] {
  return limits.map((limit) => {
    const most = hardLimits[limit.type];
    if (most === undefined) return limit;
    const lower = (value: number | bigint): bigint => (BigInt(value) < most ? BigInt(value) : most);
    return { type: limit.type, soft: lower(limit.soft), hard: lower(limit.hard) };
  });
}
