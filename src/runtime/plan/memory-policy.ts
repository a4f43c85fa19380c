import type { Linux } from '#oci';
import type { Op } from '#sys';
import { parseBitList } from './bit-list.ts';
import { rejectField } from './refuse.ts';

/** linux/mempolicy.h, MPOL_*. */
const modes = {
  MPOL_DEFAULT: 0,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_WEIGHTED_INTERLEAVE: 6,
  MPOL_PREFERRED: 1,
  MPOL_PREFERRED_MANY: 5,
  MPOL_LOCAL: 4,
} as const;

/** linux/mempolicy.h, MPOL_F_*. */
const flagBits = { MPOL_F_NUMA_BALANCING: 1 << 13, MPOL_F_RELATIVE_NODES: 1 << 14, MPOL_F_STATIC_NODES: 1 << 15 } as const;

export const memoryPolicyModes = Object.keys(modes);
export const memoryPolicyFlags = Object.keys(flagBits);

/** CONFIG_NODES_SHIFT is at most 10. */
const mostNodes = 1024;
const at = 'linux.memoryPolicy';

/**
 * set_mempolicy(2), which children and programs inherit. What the names contradict is refused here (runtime-spec config-linux, "Memory policy"), what this kernel
 * or its nodes do not permit by the kernel.
 */
export function planMemoryPolicy(policy: Linux['memoryPolicy']): Op[] {
  // An empty one says nothing, as with runc.
  if (policy === undefined || Object.keys(policy).length === 0) return [];
  const mode = lookUp(modes, policy.mode ?? '', `${at}.mode`, 'memory policy');
  const flags = (policy.flags ?? []).reduce((bits, name, index) => bits | lookUp(flagBits, name, `${at}.flags[${index}]`, 'flag'), 0);
  const exclusive = flagBits.MPOL_F_RELATIVE_NODES | flagBits.MPOL_F_STATIC_NODES;
  if ((flags & exclusive) === exclusive) throw rejectField(`${at}.flags`, 'cannot name both static and relative nodes');
  const text = (policy.nodes ?? '').trim();
  const without = mode === modes.MPOL_DEFAULT || mode === modes.MPOL_LOCAL;
  if (without && text !== '') throw rejectField(`${at}.nodes`, `cannot be given with ${policy.mode}`, 'leave them out');
  if (without && (flags & exclusive) !== 0) throw rejectField(`${at}.flags`, `cannot speak of nodes with ${policy.mode}`, 'leave them out');
  if (!without && mode !== modes.MPOL_PREFERRED && text === '') throw rejectField(`${at}.nodes`, `is needed for ${policy.mode}`);
  const nodes = text === '' ? new Uint8Array() : parseBitList(text, { at: `${at}.nodes`, what: 'memory nodes', most: mostNodes });
  return [{ op: 'set_memory_policy', mode: mode | flags, nodes }];
}

function lookUp(table: Readonly<Record<string, number>>, name: string, path: string, what: string): number {
  const value = Object.hasOwn(table, name) ? table[name] : undefined;
  if (value === undefined) throw rejectField(path, `${JSON.stringify(name)} is no ${what}`, `one of ${Object.keys(table).join(', ')}`);
  return value;
}
