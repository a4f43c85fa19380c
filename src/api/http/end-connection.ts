import type { Duplex } from 'node:stream';

/** How long a client that has been told everything may stay. */
const lingerMs = 5000;

/**
 * Ends our half of a connection that has left HTTP and reads the client's away: closing over unread bytes would reset what it has not read yet, and who does not read does
 * not see that it has gone. Who never ends is cut.
 */
export function endConnection(client: Duplex): void {
  client.end();
  client.removeAllListeners('data').resume();
  const timer = setTimeout(() => client.destroy(), lingerMs).unref();
  client.once('end', () => client.destroy());
  client.once('close', () => clearTimeout(timer));
}
