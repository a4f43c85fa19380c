import type { CpuAffinity, Linux } from '#oci';
import type { Op } from '#sys';
import { planMemoryPolicy } from './memory-policy.ts';
import { refuseField } from './refuse.ts';
import { planAffinity } from './scheduling.ts';

/** What of the container's own settings every process of it gets, the first one and those of `exec`. */
export type Surroundings = Pick<Linux, 'personality' | 'memoryPolicy'>;

export function planSurroundings({ personality, memoryPolicy }: Surroundings = {}, affinity?: CpuAffinity): Op[] {
  return [...planAffinity(affinity, 'process.execCPUAffinity'), ...planPersonality(personality), ...planMemoryPolicy(memoryPolicy)];
}

/** personality(2): PER_LINUX32 makes uname(2) speak of the 32-bit machine. */
function planPersonality(personality: Linux['personality']): Op[] {
  if (personality === undefined) return [];
  if ((personality.flags ?? []).length > 0) throw refuseField('linux.personality.flags', 'runtime-spec names none yet');
  return [{ op: 'set_personality', persona: personality.domain === 'LINUX32' ? 0x0008 : 0 }];
}
