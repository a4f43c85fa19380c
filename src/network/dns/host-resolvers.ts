import { readFileSync, statSync } from 'node:fs';
import { isErrno } from '#errors';
import type { Logger } from '#log';
import { parseAddress } from '../addresses.ts';
import { parseNameservers, parseOptions } from '../resolv-conf.ts';
import type { Resolvers } from './upstream.ts';

/** What resolv.conf(5) allows at most, and what is taken when it says nothing: shorter than the 5 s after which a client asks again by itself. */
const longest = { timeoutMs: 30_000, attempts: 5 } as const;
export const usualPatience = { timeoutMs: 2000, attempts: 2 } as const;
const lookAgainMs = 1000;

export interface HostResolversOptions {
  readonly logger: Logger;
  readonly path?: string;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
}

/**
 * The servers that the host asks, from its resolv.conf, whatever becomes of that file: it is looked at again at most once a second, when somebody wants to know.
 * Without servers the list is empty, which is said once in the log.
 */
export function createHostResolvers({
  logger,
  path = '/etc/resolv.conf',
  now = () => performance.now(),
}: HostResolversOptions): () => Resolvers {
  let seen: string | null = null;
  let hasWarned = false;
  let lookedAt = -Infinity;
  let resolvers: Resolvers = { servers: [], ...usualPatience };
  let rotates = false;
  let turn = 0;
  const look = (): void => {
    const mark = markOf(path);
    if (mark === seen) return;
    seen = mark;
    ({ resolvers, rotates } = parseResolvers(mark === '' ? '' : readText(path)));
    const hasServers = resolvers.servers.length > 0;
    if (!hasServers && !hasWarned) logger.warn('the host names no name server: containers find each other and nobody else', { path });
    hasWarned = !hasServers;
  };
  return () => {
    if (now() - lookedAt >= lookAgainMs) {
      lookedAt = now();
      look();
    }
    if (!rotates || resolvers.servers.length < 2) return resolvers;
    turn = (turn + 1) % resolvers.servers.length;
    return { ...resolvers, servers: [...resolvers.servers.slice(turn), ...resolvers.servers.slice(0, turn)] };
  };
}

/** Tells one state of the file from another, also when a link leads elsewhere now; '' when there is none. */
function markOf(path: string): string {
  return unlessMissing(() => {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  });
}

function readText(path: string): string {
  return unlessMissing(() => readFileSync(path, 'utf8'));
}

function unlessMissing(work: () => string): string {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EISDIR')) return '';
    throw error;
  }
}

/** Pure. */
export function parseResolvers(text: string): { resolvers: Resolvers; rotates: boolean } {
  const options = parseOptions(text);
  const number = (name: string): number | undefined => {
    const value = options.find((option) => option.startsWith(`${name}:`))?.slice(name.length + 1) ?? '';
    return /^\d+$/.test(value) ? Number(value) : undefined;
  };
  const seconds = number('timeout');
  const timeoutMs = seconds === undefined ? usualPatience.timeoutMs : Math.min(Math.max(seconds, 1) * 1000, longest.timeoutMs);
  const attempts = Math.min(Math.max(number('attempts') ?? usualPatience.attempts, 1), longest.attempts);
  const servers = parseNameservers(text).filter((server) => parseAddress(server.replace(/%.*$/, '')) !== null);
  return { resolvers: { servers: servers.map((address) => ({ address })), timeoutMs, attempts }, rotates: options.includes('rotate') };
}
