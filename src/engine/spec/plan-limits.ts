import { OrlopError } from '#errors';
import type { ScarceLimit } from '#runtime';
import type { Limits } from '../model.ts';

export interface LimitPlan {
  readonly limits: Limits | undefined;
  readonly warnings: readonly string[];
}

/** Docker's words for each limit that a kernel may lack. */
const discarded: readonly (readonly [name: keyof Limits, limit: ScarceLimit, words: string])[] = [
  [
    'swappiness',
    'swappiness',
    'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
  ],
  ['noOutOfMemoryKill', 'disableOOMKiller', 'Your kernel does not support OomKillDisable. OomKillDisable discarded.'],
  ['ioWeight', 'weight', 'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.'],
  [
    'ioWeightDevices',
    'weightDevice',
    'Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.',
  ],
  [
    'readBytes',
    'throttleReadBpsDevice',
    'Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.',
  ],
  [
    'writeBytes',
    'throttleWriteBpsDevice',
    'Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded.',
  ],
  [
    'readOperations',
    'throttleReadIOPSDevice',
    'Your kernel does not support IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit discarded.',
  ],
  [
    'writeOperations',
    'throttleWriteIOPSDevice',
    'Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write limit discarded.',
  ],
];

/**
 * The limits of a new app container: one of memory bounds swap as well, to as much again, unless a limit of both together says otherwise; as Docker does, with its words where the
 * kernel cannot. Pure.
 */
export function boundSwap(limits: Limits | undefined, supports: (limit: ScarceLimit) => boolean): LimitPlan {
  if (limits?.memoryBytes === undefined || limits.memoryBytes === 0) return { limits, warnings: [] };
  if (supports('swap')) return { limits: { ...limits, memorySwapBytes: limits.memorySwapBytes || 2 * limits.memoryBytes }, warnings: [] };
  const { memorySwapBytes: _, ...alone } = limits;
  const words = 'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.';
  return { limits: alone, warnings: [words] };
}

/**
 * What of the limits this host can hold a container to, and a warning for the rest, as Docker does. A real-time budget that it cannot have is invalid-argument. Pure.
 */
export function planLimits(limits: Limits | undefined, supports: (limit: ScarceLimit) => boolean): LimitPlan {
  if (limits === undefined) return { limits, warnings: [] };
  if ((limits.realtimePeriodUs ?? limits.realtimeRuntimeUs) !== undefined && !supports('realtimeRuntime'))
    throw new OrlopError('invalid-argument', 'ENGINE_NO_REALTIME', 'Your kernel does not support CPU real-time scheduler');
  const lacking = discarded.filter(([name, limit]) => limits[name] !== undefined && !supports(limit));
  const names = new Set<string>(lacking.map(([name]) => name));
  const held = Object.fromEntries(Object.entries(limits).filter(([name]) => !names.has(name)));
  const unbounded = limits.noOutOfMemoryKill === true && !names.has('noOutOfMemoryKill') && limits.memoryBytes === undefined;
  return {
    limits: Object.keys(held).length === 0 ? undefined : held,
    warnings: [
      ...lacking.map(([, , words]) => words),
      ...(unbounded
        ? ['OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.']
        : []),
    ],
  };
}
