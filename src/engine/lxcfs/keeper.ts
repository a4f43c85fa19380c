import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '#log';
import type { EngineOptions } from '../context.ts';
import { findLxcfs, startLxcfs, type LxcfsPlace, type LxcfsServer } from './server.ts';

/** Keeps one lxcfs for all containers: started for the first that shows it, started again when it dies or answers no more, taken up by the next engine. */
export interface Lxcfs {
  /** It is installed. */
  readonly isInstalled: boolean;
  /** The one that runs, or null. */
  readonly server: LxcfsServer | null;
  /** The one that runs and answers, or a new one. Unavailable `ENGINE_LXCFS_FAILED`. */
  open(): Promise<LxcfsServer>;
  /** Resolves when none runs that does not answer: files of containers may be asked for. */
  settle(): Promise<void>;
  /** Takes up what an earlier engine left. */
  takeUp(): Promise<void>;
  /** Ends it: nobody shows it any more. */
  close(): Promise<void>;
}

export interface LxcfsOptions extends LxcfsPlace {
  /** Path of the program; null: it is not installed. */
  readonly program: string | null;
  readonly logger: Logger;
  /** It died: containers that show it see nothing until they show another. */
  readonly onDeath: () => void;
}

/** One that dies sooner is not started again before. */
const leastLifeMs = 2_000;
/** How often it is asked while it runs: programs in containers wait for one that does not answer, and cannot be ended. */
const watchMs = 5_000;
/** Killed, it is gone at once, unless the kernel holds it. */
const lastPatienceMs = 2_000;

/** Beside those of containers, which are named by chance: theirs have sixteen hexadecimal digits. */
export function lxcfsCgroup({ cgroupParent }: Pick<EngineOptions, 'cgroupParent'>): string {
  return `${cgroupParent}/lxcfs`;
}

export function createLxcfs({ program, logger, onDeath, ...place }: LxcfsOptions): Lxcfs {
  let server: LxcfsServer | null = null;
  let starting: Promise<LxcfsServer> | null = null;
  let settling: Promise<void> | null = null;
  const closing = new AbortController();

  const replace = async (dead: LxcfsServer, livedMs: number): Promise<void> => {
    logger.warn('lxcfs has died: containers see their limits again when it is back', { pid: dead.pid });
    try {
      await delay(Math.max(0, leastLifeMs - livedMs), undefined, { ref: false, signal: closing.signal });
    } catch {
      return;
    }
    onDeath();
  };
  const keep = (found: LxcfsServer): LxcfsServer => {
    const since = Date.now();
    server = found;
    const watch = setInterval(() => void settle(), watchMs).unref();
    void found.ended.then(() => {
      clearInterval(watch);
      if (server !== found) return;
      server = null;
      if (!closing.signal.aborted) void replace(found, Date.now() - since);
    });
    return found;
  };
  const endUnlessAnswering = async (asked: LxcfsServer): Promise<void> => {
    if ((await asked.answers()) || server !== asked) return;
    logger.warn('lxcfs does not answer, and is ended', { pid: asked.pid });
    asked.abandon();
    await Promise.race([asked.ended, delay(lastPatienceMs, undefined, { ref: false })]);
  };
  const settle = async (): Promise<void> => {
    if (server === null) return;
    // One question at a time: each holds a thread while it waits.
    await (settling ??= endUnlessAnswering(server).finally(() => (settling = null)));
  };
  const start = async (): Promise<LxcfsServer> => {
    try {
      return keep(await startLxcfs(place, program ?? 'lxcfs'));
    } finally {
      starting = null;
    }
  };
  return {
    isInstalled: program !== null,
    get server() {
      return server;
    },
    async open() {
      await settle();
      return server ?? (await (starting ??= start()));
    },
    settle,
    async takeUp() {
      const found = await findLxcfs(place);
      if (found !== null) keep(found);
    },
    async close() {
      closing.abort();
      await starting?.catch(() => undefined);
      await server?.stop();
    },
  };
}
