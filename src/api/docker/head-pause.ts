import { setTimeout as delay } from 'node:timers/promises';
import type { Exchange } from '#api/http';

/** Docker's own engine takes about as long between the head of such an answer and what follows. */
const pauseMs = 50;

/**
 * Lets the head of a hijacked answer arrive alone where the client needs that: docker-py reads it through a buffer, goes on with the bare socket, and loses whatever came
 * along into the buffer (docker/api/client.py, `_get_raw_response_socket`).
 */
export async function pauseAfterHead({ headers }: Pick<Exchange, 'headers'>): Promise<void> {
  if (headers['user-agent']?.startsWith('docker-sdk-python/') === true) await delay(pauseMs);
}
