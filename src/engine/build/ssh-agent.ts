import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A socket at which a build's agent answers, as long as this is open. The agent is asked by us: it trusts nobody else's user id. */
export async function forwardAgent(socket: string, agent: string): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const keep = (one: Socket): Socket => {
    open.add(one);
    one.on('close', () => open.delete(one));
    return one;
  };
  const server = createServer((client) => {
    const upstream = keep(connect(agent));
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
