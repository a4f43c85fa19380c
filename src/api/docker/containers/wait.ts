import { OrlopError, toOrlopError } from '#errors';
import { compareVersions, type Exchange } from '#api/http';
import type { DockerWait, WaitCondition } from '#wire';
import type { ContainerBackend } from './backend.ts';

const conditions: Readonly<Record<string, WaitCondition>> = {
  '': 'not-running',
  'not-running': 'not-running',
  'next-exit': 'next-exit',
  removed: 'removed',
};

/**
 * `POST /containers/{id}/wait`: the headers are sent as soon as the wait is in place, so that a client may start the container and miss
 * nothing; the body follows at the end.
 */
export async function waitForContainer(backend: ContainerBackend, exchange: Exchange): Promise<void> {
  const asked = compareVersions(exchange.apiVersion, '1.30') < 0 ? '' : exchange.query.text('condition');
  const condition = conditions[asked];
  if (condition === undefined)
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_CONDITION', `invalid condition: ${JSON.stringify(asked)}`);
  const { id } = backend.containers.inspect(exchange.parameters['id'] ?? '');
  const exit = backend.containers.wait(id, condition, exchange.signal);
  const out = exchange.stream(200, 'application/json');
  const answer = await exit.then(
    // Why a start failed is told by the start; Docker's clients take an error here for a wait that went wrong.
    ({ exitCode }): DockerWait => ({ StatusCode: exitCode }),
    (error: unknown): DockerWait => {
      if (exchange.signal.aborted) throw error;
      return { StatusCode: 125, Error: { Message: toOrlopError(error).message } };
    },
  );
  await out.write(`${JSON.stringify(answer)}\n`);
}
