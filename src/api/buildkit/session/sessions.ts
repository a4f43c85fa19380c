import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { OrlopError } from '#errors';
import type { Logger } from '#log';
import { type GrpcClient, openGrpcClient } from '../grpc/client.ts';

/** A client that answers questions while its builds run: we ask, on a connection that it has opened. */
export interface ClientSession {
  readonly id: string;
  /** Means the directory that it is for, among those of all clients; empty: it says nothing of that. */
  readonly sharedKey: string;
  readonly services: GrpcClient;
  /** `/package.Service/Method`, small letters: clients do not agree on the case of method names. */
  readonly offers: (method: string) => boolean;
}

export interface Sessions {
  /**
   * A session that lasts as long as what carries it, which is asked for once all is well. `header` is of what asks for the session. invalid-argument without an id, conflict for one that is
   * taken.
   */
  accept(header: (name: string) => string, carrier: () => Duplex): ClientSession;
  /** The session of this id, which may come a moment after what is built in it. not-found `BUILDKIT_NO_SESSION`. */
  find(id: string, signal: AbortSignal): Promise<ClientSession>;
}

const prefix = 'x-docker-expose-session-';
/** How long a session is waited for. */
const patienceMs = 5_000;

export function createSessions(logger: Logger): Sessions {
  const open = new Map<string, ClientSession>();
  let awaited: (() => void)[] = [];
  const begin = (
    { id, sharedKey }: Pick<ClientSession, 'id' | 'sharedKey'>,
    carrier: Duplex,
    methods: ReadonlySet<string>,
  ): ClientSession => {
    const services = openGrpcClient(carrier, logger);
    const session = { id, sharedKey, services, offers: (method: string) => methods.has(method.toLowerCase()) };
    open.set(id, session);
    services.closed.addEventListener('abort', () => open.delete(id), { once: true });
    const told = awaited;
    awaited = [];
    for (const tell of told) tell();
    return session;
  };
  return {
    accept(header, carrier) {
      const id = header(`${prefix}uuid`);
      if (id === '')
        throw new OrlopError('invalid-argument', 'BUILDKIT_BAD_SESSION', 'a session needs an id: X-Docker-Expose-Session-Uuid');
      if (open.has(id)) throw new OrlopError('conflict', 'BUILDKIT_BAD_SESSION', `session ${id} already exists`);
      const names = header(`${prefix}grpc-method`)
        .split(',')
        .map((name) => name.trim().toLowerCase());
      return begin({ id, sharedKey: header(`${prefix}sharedkey`) }, carrier(), new Set(names));
    },
    async find(id, signal) {
      const giveUp = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
      for (;;) {
        const found = open.get(id);
        if (found !== undefined) return found;
        const came = new Promise<void>((resolve) => awaited.push(resolve));
        await Promise.race([came, delay(patienceMs, undefined, { signal: giveUp, ref: false }).catch(() => undefined)]);
        signal.throwIfAborted();
        if (giveUp.aborted)
          throw new OrlopError('not-found', 'BUILDKIT_NO_SESSION', `no active session for ${id}: context deadline exceeded`);
      }
    },
  };
}
