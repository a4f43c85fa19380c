import type { RepositoryName } from './types.ts';
/** What is configured for a prefix of references: a registry, or a part of its repositories. */
export interface PrefixSettings {
  /** What stands in for the prefix when the registry is asked: `registry.example:5000/hub`. */
  readonly location?: string;
  /** Nothing below the prefix is read or written. */
  readonly blocked?: boolean;
  /** Plain HTTP is allowed, and certificates that nobody vouches for. */
  readonly insecure?: boolean;
  /** Asked first, in this order, when something is read. */
  readonly mirrors?: readonly {
    readonly location: string;
    readonly insecure?: boolean;
  }[];
}
/** The longest prefix that fits a repository decides. */
export type RegistrySettings = Readonly<Record<string, PrefixSettings>>;
/** Where a repository may be found. */
export interface Location {
  /** `HOST[:PORT]` */
  readonly host: string;
  readonly path: string;
  readonly insecure: boolean;
  readonly isMirror: boolean;
}
/** Parses `registries.json`: `{ "registries": { PREFIX: { … } } }`. Unknown words are refused. Invalid-argument `REGISTRY_BAD_SETTINGS` naming the place. */
export declare function parseSettings(text: string): RegistrySettings;
/**
 * Where a repository is read from (`read`: mirrors first) or written to. Pure. Permission-denied `REGISTRY_BLOCKED` for what the settings block.
 */
export declare function planLocations(settings: RegistrySettings, name: RepositoryName, way: 'read' | 'write'): readonly Location[];
/** A registry itself, for `ping` and `catalog`. */
export declare function locateRegistry(settings: RegistrySettings, domain: string): Location;
/** The ways to speak to it, best first: plain HTTP only on this machine or where the settings allow it. */
export declare function schemesOf(location: Location): readonly ('https' | 'http')[];
