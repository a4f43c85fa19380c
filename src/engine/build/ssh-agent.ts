import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Duplex } from 'node:stream';
import type { BuildClient } from '#wire';

/** A new conversation with an agent at a socket of this machine. The agent is asked by us: it trusts nobody else's user id. */
export function agentAt(socket: string): () => Duplex {
  return () => connect(socket);
}

/** A new conversation with an agent that the build's client has. */
export function agentOf(client: BuildClient, id: string, signal: AbortSignal): () => Duplex {
  return () => {
    const ended = new AbortController();
    const conversation = Duplex.from((from: AsyncIterable<Uint8Array>) =>
      client.talkToAgent(id, from, AbortSignal.any([signal, ended.signal])),
    );
    return conversation.on('close', () => ended.abort());
  };
}

/** A socket at which a build's agent answers, as long as this is open. */
export async function forwardAgent(socket: string, talk: () => Duplex): Promise<AsyncDisposable> {
  const open = new Set<Duplex>();
  const keep = <One extends Duplex>(one: One): One => {
    open.add(one);
    one.on('close', () => open.delete(one));
    return one;
  };
  const server = createServer((client) => {
    const upstream = keep(talk());
    keep(client);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(socket);
  await once(server, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      for (const one of open) one.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
