/** Numbers the descriptors that travel with a plan. The same descriptor gets one slot. */
export interface Slots {
  add(descriptor: number): number;
  readonly descriptors: readonly number[];
}

export function createSlots(): Slots {
  const descriptors: number[] = [];
  return {
    descriptors,
    add(descriptor) {
      const known = descriptors.indexOf(descriptor);
      return known >= 0 ? known : descriptors.push(descriptor) - 1;
    },
  };
}

/** A plan and the descriptors its slots stand for. */
export interface Planned<Plan> {
  readonly plan: Plan;
  readonly descriptors: readonly number[];
}
