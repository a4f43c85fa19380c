import type { Engine } from '../model.ts';
import type { Leases } from './leases.ts';

/** What is created with the label of a lease belongs to it; without that lease it is not created. */
export function withLeases(engine: Engine, leases: Leases): Engine {
  const { containers, networks, volumes } = engine;
  return {
    ...engine,
    containers: { ...containers, create: (request) => leases.during(request.labels, () => containers.create(request)) },
    networks: { ...networks, create: (request) => leases.during(request.labels, () => networks.create(request)) },
    volumes: { ...volumes, create: (request) => leases.during(request.labels, () => volumes.create(request)) },
    launch: (source, request, options) => leases.during(request.labels, () => engine.launch(source, request, options)),
  };
}
