import type { Duplex } from 'node:stream';
import { OrlopError } from '#errors';
import type { LeaseGrant, LeaseRequest, LeasesBody, LeaseView } from '#wire';
import { readJson, readLines, readText } from './answers.ts';
import type { Transport } from './transport/transport.ts';

/** A lease and the connection that holds it. */
export interface HeldLease extends LeaseGrant {
  /** Resolves when the connection has ended, whoever ended it. */
  readonly lost: Promise<void>;
  /** Gives the hold up; what belongs to the lease goes with the last one. */
  release(): void;
}

/** What belongs to a lease is removed when no connection holds it any more. */
export interface LeasesClient {
  /** Keeps no program alive by itself. */
  hold(request?: LeaseRequest): Promise<HeldLease>;
  /** Resolves when all that belonged to it is gone. conflict naming what others use. */
  end(id: string): Promise<void>;
  list(): Promise<readonly LeaseView[]>;
}

export function createLeasesClient(transport: Transport): LeasesClient {
  const path = '/orlop/v1/leases';
  return {
    async hold(request = {}) {
      const { stream } = await transport.hijack({ method: 'POST', path, json: request });
      try {
        const grant = await firstLine(stream);
        return { ...grant, lost: follow(stream), release: () => void stream.destroy() };
      } catch (error) {
        stream.destroy();
        throw error;
      }
    },
    end: async (id) => void (await readText(await transport.request({ method: 'DELETE', path: `${path}/${encodeURIComponent(id)}` }))),
    list: async () => (await readJson<LeasesBody>(await transport.request({ method: 'GET', path }))).leases,
  };
}

async function firstLine(stream: Duplex): Promise<LeaseGrant> {
  for await (const grant of readLines<LeaseGrant>(stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)) return grant;
  throw new OrlopError('unavailable', 'CLIENT_ENGINE_GONE', 'the engine went away before it gave a lease');
}

function follow(stream: Duplex): Promise<void> {
  (stream as Partial<{ unref(): void }>).unref?.();
  return new Promise((resolve) => {
    const done = (): void => {
      stream.destroy();
      resolve();
    };
    stream.once('end', done).once('close', done).resume();
  });
}
