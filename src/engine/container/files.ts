import { join } from 'node:path';

/**
 * Where a container's files are.
 *
 *   <data-root>/containers/<id>/
 *     upper/ work/           the overlay's writable side (made by the store)
 *     disk.ext4              or a file system of limited size that holds both
 *     logs/                  output, written by the monitor (../logs/row.ts)
 *     monitor/               control.sock, attach.sock, exit (native/README.md)
 *     devices/               nodes of devices that were asked for, made at each start
 *     proxies/               where the carriers of its proxy devices answer
 *     relays/                where those answer that carry IPv6 to a container without it
 *     seed/                  what cloud-init is told, written at each start
 *     door.sock              where the carrier answers that listens for it (on demand)
 *     hosts hostname resolv.conf   bound over /etc of the container
 */
export interface ContainerFiles {
  readonly directory: string;
  readonly monitor: string;
  readonly logs: string;
  readonly log: string;
  readonly devices: string;
  readonly proxies: string;
  readonly relays: string;
  readonly seed: string;
  readonly door: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
}

export function containerFiles(dataRoot: string, id: string): ContainerFiles {
  const directory = join(dataRoot, 'containers', id);
  return {
    directory,
    monitor: join(directory, 'monitor'),
    logs: join(directory, 'logs'),
    log: join(directory, 'logs', 'container.log'),
    devices: join(directory, 'devices'),
    proxies: join(directory, 'proxies'),
    relays: join(directory, 'relays'),
    seed: join(directory, 'seed'),
    door: join(directory, 'door.sock'),
    hosts: join(directory, 'hosts'),
    hostname: join(directory, 'hostname'),
    resolvConf: join(directory, 'resolv.conf'),
  };
}
