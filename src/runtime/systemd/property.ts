import type { BusValue, Variant } from './values.ts';

/** A property of a unit, as StartTransientUnit and SetUnitProperties take it. */
export interface UnitProperty {
  readonly name: string;
  readonly value: Variant;
}

/** USEC_INFINITY and CGROUP_LIMIT_MAX of systemd's. */
export const infinity = 2n ** 64n - 1n;

export function property(name: string, signature: string, value: BusValue): UnitProperty {
  return { name, value: { signature, value } };
}
