/** What the live view of containers can be sorted by, and the key that asks for it. */
export const sortKeys = { cpu: 'c', memory: 'm', pids: 'p', net: 'n', io: 'i', name: 'a' } as const;

export type SortKey = keyof typeof sortKeys;
