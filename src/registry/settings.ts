import { OrlopError } from '#errors';
import { parseJson } from '#oci';
import { isLoopback } from './http/agents.ts';
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
  readonly mirrors?: readonly { readonly location: string; readonly insecure?: boolean }[];
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

/** Docker Hub's references name one host, its registry is another. */
const hub = { domain: 'docker.io', host: 'registry-1.docker.io' };

const prefixPattern = /^(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const maxSettingsBytes = 1024 * 1024;

/** Parses `registries.json`: `{ "registries": { PREFIX: { … } } }`. Unknown words are refused. Invalid-argument `REGISTRY_BAD_SETTINGS` naming the place. */
export function parseSettings(text: string): RegistrySettings {
  const root = objectOf(parseJson(text, { name: 'registries.json', maxBytes: maxSettingsBytes }), 'registries.json', ['registries']);
  const entries = Object.entries((root['registries'] ?? {}) as Record<string, unknown>);
  return Object.fromEntries(entries.map(([prefix, value]) => [checkPrefix(prefix, `registries.${prefix}`), prefixOf(value, prefix)]));
}

function prefixOf(value: unknown, prefix: string): PrefixSettings {
  const at = `registries.${prefix}`;
  const { location, blocked, insecure, mirrors } = objectOf(value, at, ['location', 'blocked', 'insecure', 'mirrors']);
  if (mirrors !== undefined && !Array.isArray(mirrors)) throw bad(`${at}.mirrors`, 'a list');
  return {
    ...(location === undefined ? {} : { location: checkPrefix(location, `${at}.location`) }),
    ...(blocked === undefined ? {} : { blocked: checkFlag(blocked, `${at}.blocked`) }),
    ...(insecure === undefined ? {} : { insecure: checkFlag(insecure, `${at}.insecure`) }),
    mirrors: ((mirrors ?? []) as unknown[]).map((mirror, index) => {
      const place = `${at}.mirrors[${index}]`;
      const { location: where, insecure: open } = objectOf(mirror, place, ['location', 'insecure']);
      return {
        location: checkPrefix(where, `${place}.location`),
        insecure: open === undefined ? false : checkFlag(open, `${place}.insecure`),
      };
    }),
  };
}

function objectOf(value: unknown, at: string, words: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(at, 'an object');
  const unknown = Object.keys(value).find((word) => !words.includes(word));
  if (unknown !== undefined) throw bad(`${at}.${unknown}`, `one of ${words.join(', ')}`);
  return value as Record<string, unknown>;
}

function checkPrefix(value: unknown, at: string): string {
  if (typeof value === 'string' && value.length <= 512 && prefixPattern.test(value)) return value;
  throw bad(at, 'a registry such as registry.example:5000, or one with the beginning of a repository');
}

function checkFlag(value: unknown, at: string): boolean {
  if (typeof value === 'boolean') return value;
  throw bad(at, 'true or false');
}

function bad(at: string, expected: string): OrlopError {
  return new OrlopError('invalid-argument', 'REGISTRY_BAD_SETTINGS', `${at.slice(0, 200)}: expected ${expected}`);
}

/**
 * Where a repository is read from (`read`: mirrors first) or written to. Pure. Permission-denied `REGISTRY_BLOCKED` for what the settings block.
 */
export function planLocations(settings: RegistrySettings, name: RepositoryName, way: 'read' | 'write'): readonly Location[] {
  const whole = `${name.domain}/${name.path}`;
  const prefix = Object.keys(settings)
    .filter((candidate) => whole === candidate || whole.startsWith(`${candidate}/`))
    .toSorted((a, b) => b.length - a.length)[0];
  const found = prefix === undefined ? {} : (settings[prefix] ?? {});
  if (found.blocked === true) {
    throw new OrlopError(
      'permission-denied',
      'REGISTRY_BLOCKED',
      `registry ${name.domain}: ${whole} is blocked by the settings for ${prefix}`,
    );
  }
  const place = (location: string, insecure: boolean, isMirror: boolean): Location =>
    locate(`${location}${whole.slice((prefix ?? '').length)}`, insecure, isMirror);
  const origin = place(found.location ?? prefix ?? '', found.insecure ?? false, false);
  if (way === 'write') return [origin];
  return [...(found.mirrors ?? []).map((mirror) => place(mirror.location, mirror.insecure ?? false, true)), origin];
}

/** A registry itself, for `ping` and `catalog`. */
export function locateRegistry(settings: RegistrySettings, domain: string): Location {
  const found = settings[domain] ?? {};
  if (found.blocked === true)
    throw new OrlopError('permission-denied', 'REGISTRY_BLOCKED', `registry ${domain} is blocked by the settings`);
  return locate(`${found.location ?? domain}/`, found.insecure ?? false, false);
}

function locate(whole: string, insecure: boolean, isMirror: boolean): Location {
  const slash = whole.indexOf('/');
  const domain = whole.slice(0, slash);
  return { host: domain === hub.domain ? hub.host : domain, path: whole.slice(slash + 1), insecure, isMirror };
}

/** The ways to speak to it, best first: plain HTTP only on this machine or where the settings allow it. */
export function schemesOf(location: Location): readonly ('https' | 'http')[] {
  const hostname = new URL(`https://${location.host}`).hostname;
  return location.insecure || isLoopback(hostname) ? ['https', 'http'] : ['https'];
}
