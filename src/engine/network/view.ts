import type { Endpoint } from '#network';
import type { EndpointView } from '#wire';

/** A container's places in networks as clients see them: without what only the host's side is concerned with. */
export function endpointViewsOf(endpoints: readonly Endpoint[]): EndpointView[] {
  return endpoints.map(({ containerId: _container, driver: _driver, hostLink: _hostLink, bridge: _bridge, link: _link, ...view }) => view);
}
