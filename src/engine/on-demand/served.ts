import { readFileSync } from 'node:fs';
import { isErrno } from '#errors';
import type { PublishedPort } from '../model.ts';

const listening = '0A';

/** Whether somebody in the network of this process serves all of these ports, as proc_net(5) lists them. */
export function isServed(pid: number, ports: readonly PublishedPort[]): boolean {
  const read = (name: string): string => {
    try {
      return readFileSync(`/proc/${pid}/net/${name}`, 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) return '';
      throw error;
    }
  };
  const served = {
    tcp: servedPorts(read('tcp') + read('tcp6'), listening),
    udp: servedPorts(read('udp') + read('udp6'), null),
    sctp: new Set<number>(),
  };
  return ports.every(({ protocol, containerPort }) => served[protocol].has(containerPort));
}

/** The local ports of the sockets of a table, in this state, or in any. Pure. */
export function servedPorts(table: string, state: string | null): Set<number> {
  const lines = table.split('\n').map((line) => /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /.exec(line));
  return new Set(
    lines.flatMap((line) => (line !== null && (state === null || line[2] === state) ? [Number.parseInt(line[1] ?? '0', 16)] : [])),
  );
}
