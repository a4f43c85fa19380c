import { createSocket, type Socket } from 'node:dgram';
import type { Logger } from '#log';
import { isIPv6 } from 'node:net';
import { loopback, type LoopbackPort } from './loopback-port.ts';

/** As long as the kernel remembers a conversation over UDP that went both ways (nf_conntrack_udp_timeout_stream). */
const restMs = 120_000;

/** Of one port. Beyond it the conversation that has rested longest ends: the descriptors are the engine's. */
const mostConversations = 256;

/** One client's datagrams, and what comes back to it. */
interface Conversation {
  readonly socket: Socket;
  readonly rest: NodeJS.Timeout;
}

/** Carries datagrams that come to ::1 on to the container, each client's from a port of its own, so that answers find their way back. */
export function relayDatagrams(port: LoopbackPort, containerId: string, logger: Logger): { close(): void } {
  const conversations = new Map<string, Conversation>();
  const server = createSocket({ type: 'udp6', ipv6Only: true });
  const end = (client: string): void => {
    const conversation = conversations.get(client);
    if (conversation === undefined) return;
    conversations.delete(client);
    clearTimeout(conversation.rest);
    conversation.socket.close();
  };
  const begin = (client: string, answer: (data: Buffer) => void): Conversation => {
    const [longest] = conversations.keys();
    if (conversations.size >= mostConversations && longest !== undefined) end(longest);
    const socket = createSocket(isIPv6(port.target) ? 'udp6' : 'udp4').unref();
    const conversation = { socket, rest: setTimeout(() => end(client), restMs).unref() };
    // Nobody listens in the container: a client of UDP is not told through a relay, and asks again.
    socket.on('error', () => conversations.get(client) === conversation && end(client));
    socket.on('message', answer);
    socket.connect(port.targetPort, port.target);
    return conversation;
  };
  server.on('message', (data, { address, port: clientPort }) => {
    // A borrowed socket may be that of every address, of which the kernel forwards all others; not while the port is being opened.
    if (address !== loopback) return;
    const client = String(clientPort);
    const conversation = conversations.get(client) ?? begin(client, (answer) => server.send(answer, clientPort, loopback));
    // The last to speak is the last in the map.
    conversations.delete(client);
    conversations.set(client, conversation);
    conversation.rest.refresh();
    whenConnected(conversation.socket, () => conversation.socket.send(data));
  });
  let open = true;
  server.on('error', (error) => {
    logger.debug('a port of ::1 stays with another program', { container: containerId, port: port.hostPort, protocol: 'udp', error });
  });
  const descriptor = port.borrow?.();
  if (descriptor === undefined) server.bind({ address: loopback, port: port.hostPort, exclusive: true });
  else if (descriptor !== null) server.bind({ fd: descriptor, exclusive: true });
  server.unref();
  return {
    close() {
      if (!open) return;
      open = false;
      for (const client of conversations.keys()) end(client);
      server.close();
    },
  };
}

/** Calls of connected sockets are taken only once they are connected, which is after the next turn of the event loop. */
function whenConnected(socket: Socket, act: () => void): void {
  try {
    socket.remoteAddress();
  } catch {
    socket.once('connect', act);
    return;
  }
  act();
}
