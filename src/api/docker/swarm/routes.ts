import { OrlopError } from '#errors';
import type { Route } from '#api/http';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] as const;
const nouns = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs'] as const;

/**
 * `/swarm`, `/nodes`, `/services`, `/tasks`, `/secrets`, `/configs`: Orlop has no swarm mode, and answers as a Docker engine does that is in no swarm (503, with its
 * words). Making or joining one is refused by name.
 */
export function swarmRoutes(): Route[] {
  return [
    refusing('POST', '/swarm/init', noSwarms),
    refusing('POST', '/swarm/join', noSwarms),
    refusing('POST', '/swarm/leave', notInSwarm),
    // Only volumes of a cluster are ever changed.
    refusing('PUT', '/volumes/{name}', notManager),
    ...methods.flatMap((method) =>
      nouns.flatMap((noun) => [refusing(method, `/${noun}`, notManager), refusing(method, `/${noun}/{rest...}`, notManager)]),
    ),
  ];
}

function refusing(method: Route['method'], path: string, reason: () => OrlopError): Route {
  const handle = (): never => {
    throw reason();
  };
  return { method, path, handle };
}

function noSwarms(): OrlopError {
  return new OrlopError('unimplemented', 'DOCKER_NO_SWARM', 'swarm mode is not supported by this engine', {
    hint: 'run containers and networks on their own, or with a compose file',
  });
}

function notInSwarm(): OrlopError {
  return new OrlopError('unavailable', 'DOCKER_NOT_IN_SWARM', 'This node is not part of a swarm');
}

function notManager(): OrlopError {
  const words =
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
  return new OrlopError('unavailable', 'DOCKER_NOT_A_MANAGER', words);
}
