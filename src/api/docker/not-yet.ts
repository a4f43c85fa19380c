import { OrlopError } from '#errors';
import type { Route } from '#api/http';

/** Parts of Docker's API that Orlop does not serve yet, and what they are called. */
const nouns = {
  session: 'build sessions',
} as const;

/** 501 with the noun's name for all of them, so that nobody takes a missing part for a wrong address. */
export function notYetRoutes(): Route[] {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] as const;
  const routes: Route[] = [];
  for (const method of methods) {
    for (const [noun, words] of Object.entries(nouns)) {
      routes.push(refusing(method, `/${noun}`, words), refusing(method, `/${noun}/{rest...}`, words));
    }
    routes.push(refusing(method, '/system/{rest...}', 'system calls of this kind'));
  }
  return routes;
}

function refusing(method: Route['method'], path: string, words: string): Route {
  const handle = (): never => {
    throw new OrlopError('unimplemented', 'DOCKER_NOT_YET', `${words}: not supported by this engine yet`);
  };
  return { method, path, handle };
}
