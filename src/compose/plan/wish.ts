import type { ServiceConfig } from '../model/service.ts';
import type { ContainerPlace } from './labels.ts';

export interface ContainerWish extends ContainerPlace {
  /** Of the volumes without a name that the container before this one had, by target. */
  readonly inherited?: Readonly<Record<string, string>>;
  /** Containers of other services, by service: their namespaces may be shared. */
  readonly containers: Readonly<Record<string, string>>;
}

/** Networks of a service, the most wanted first (`priority`). */
export function networksOf(service: ServiceConfig): string[] {
  const priority = (key: string): number => service.networks?.[key]?.priority ?? 0;
  return Object.keys(service.networks ?? {}).toSorted((a, b) => priority(b) - priority(a) || (a < b ? -1 : 1));
}
