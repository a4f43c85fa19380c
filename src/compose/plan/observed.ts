import type { DockerContainerSummary } from '#wire';
import { labels } from './labels.ts';

/** A container of a project as it is. */
export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly number: number;
  readonly hash: string;
  readonly imageId: string;
  readonly oneOff: boolean;
  /** `running`, `exited`, `created`, `paused`, … */
  readonly state: string;
  readonly networks: readonly string[];
  /** Names of all volumes in it. */
  readonly volumes: readonly string[];
  /** Names of volumes that have none of their own, by target. */
  readonly anonymous: Readonly<Record<string, string>>;
}

/** What of a project is there. */
export interface Observed {
  readonly containers: readonly ObservedContainer[];
  /** By name: its labels. */
  readonly networks: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly volumes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Names that the engine gave to a volume. */
const anonymousName = /^[0-9a-f]{64}$/;

export function observeContainer(summary: DockerContainerSummary): ObservedContainer {
  const { Labels: own } = summary;
  const volumes = summary.Mounts.filter(({ Type }) => Type === 'volume').map(({ Destination, Name = '' }) => [Destination, Name] as const);
  return {
    id: summary.Id,
    name: (summary.Names[0] ?? '').replace(/^\//, ''),
    service: own[labels.service] ?? '',
    number: Number(own[labels.number] ?? 1),
    hash: own[labels.hash] ?? '',
    imageId: own[labels.image] ?? '',
    oneOff: own[labels.oneOff]?.toLowerCase() === 'true',
    state: summary.State,
    networks: Object.keys(summary.NetworkSettings.Networks),
    volumes: volumes.map(([, name]) => name),
    anonymous: Object.fromEntries(volumes.filter(([, name]) => anonymousName.test(name))),
  };
}

export function isUp({ state }: ObservedContainer): boolean {
  return state === 'running' || state === 'restarting' || state === 'paused';
}
