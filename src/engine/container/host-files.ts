import { readFileSync, writeFileSync } from 'node:fs';
import { OrlopError } from '#errors';
import { formatHosts, formatResolvConf, readHostResolvConf, type Endpoint } from '#network';
import type { ContainerFiles } from './files.ts';
import type { ContainerRecord } from './record.ts';

/** Writes the files that are bound over the container's /etc/hosts, /etc/hostname and /etc/resolv.conf. */
export async function writeHostFiles(files: ContainerFiles, record: ContainerRecord, endpoint: Endpoint | null): Promise<void> {
  const hosts = formatHosts({
    hostname: fullHostname(record),
    ...(endpoint?.address === undefined ? {} : { address: endpoint.address }),
    extra: (record.request.extraHosts ?? []).map((entry) => parseExtraHost(entry, endpoint?.gateway)),
  });
  // Small files, read and written at once: each trip through the thread pool would take longer.
  const read = async (path: string): Promise<string> => readFileSync(path, 'utf8');
  writeFileSync(files.hostname, `${record.hostname}\n`, { mode: 0o644 });
  writeFileSync(files.hosts, hosts, { mode: 0o644 });
  writeFileSync(files.resolvConf, formatResolvConf(await readHostResolvConf(read)), { mode: 0o644 });
}

function fullHostname(record: ContainerRecord): string {
  const { domainname } = record.request;
  return domainname === undefined || domainname === '' ? record.hostname : `${record.hostname}.${domainname}`;
}

/** `name:address` or `name=address`; the address `host-gateway` is the bridge's own. */
export function parseExtraHost(entry: string, gateway: string | undefined): readonly [name: string, address: string] {
  const at = entry.search(/[:=]/);
  const name = entry.slice(0, at);
  const address = entry.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (at <= 0 || address === '') {
    throw new OrlopError('invalid-argument', 'ENGINE_EXTRA_HOST_INVALID', `bad format for add-host: "${entry}"`, {
      hint: 'write NAME:ADDRESS',
    });
  }
  if (address !== 'host-gateway') return [name, address];
  if (gateway !== undefined) return [name, gateway];
  throw new OrlopError('invalid-argument', 'ENGINE_EXTRA_HOST_INVALID', `add-host ${name}: host-gateway needs the bridge network`);
}
