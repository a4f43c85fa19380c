import type { Directory, NamedPlace } from '../types.ts';

/** A directory that a test fills by hand. */
export interface TestDirectory extends Directory {
  attach(place: NamedPlace): void;
  detach(containerId: string): void;
}

export function createDirectory(...places: readonly NamedPlace[]): TestDirectory {
  let current = [...places];
  let revision = 0;
  return {
    placesOf: (containerId) => current.filter((place) => place.containerId === containerId),
    membersOf: (network) => current.filter((place) => place.network === network),
    revision: () => revision,
    attach(place) {
      current.push(place);
      revision += 1;
    },
    detach(containerId) {
      current = current.filter((place) => place.containerId !== containerId);
      revision += 1;
    },
  };
}

/** The place of the container `id`, called so, in a network. */
export function place(id: string, network: string, change: Partial<NamedPlace> = {}): NamedPlace {
  return { containerId: id, network, names: [id], ...change };
}
