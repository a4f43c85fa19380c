import { OrlopError } from '#errors';
import type { Exchange, Route } from '#api/http';

/** `/plugins`: there are none, and none can be installed. */
export function pluginRoutes(): Route[] {
  const missing = (exchange: Exchange): never => {
    throw new OrlopError('not-found', 'DOCKER_NO_PLUGIN', `plugin "${exchange.parameters['name'] ?? ''}" not found`);
  };
  const refused = (): never => {
    throw new OrlopError('unimplemented', 'DOCKER_NO_PLUGINS', "Docker's plugins are not supported by this engine", {
      hint: 'drivers of networks and volumes are built in: orlop info lists them',
    });
  };
  return [
    { method: 'GET', path: '/plugins', handle: (exchange) => exchange.json(200, []) },
    { method: 'GET', path: '/plugins/privileges', handle: refused },
    { method: 'POST', path: '/plugins/pull', handle: refused },
    { method: 'POST', path: '/plugins/create', handle: refused },
    { method: 'GET', path: '/plugins/{name...}/json', handle: missing },
    ...['enable', 'disable', 'upgrade', 'push', 'set'].map(
      (verb): Route => ({ method: 'POST', path: `/plugins/{name...}/${verb}`, handle: missing }),
    ),
    { method: 'DELETE', path: '/plugins/{name...}', handle: missing },
  ];
}
