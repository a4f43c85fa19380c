export interface HostsOptions {
  /** The container's own name; a dotted one also gets its first label as an alias. */
  readonly hostname: string;
  /** The container's address; without one (network `none`) the name means the loopback. */
  readonly address?: string;
  /** More entries, `[name, address]`, as `--add-host` gives them. */
  readonly extra?: readonly (readonly [name: string, address: string])[];
}

const loopback = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** The text of a container's /etc/hosts (hosts(5)). Pure. */
export function formatHosts(options: HostsOptions): string {
  const { hostname, address, extra = [] } = options;
  const label = hostname.split('.', 1)[0] ?? hostname;
  const names = label === hostname || label === '' ? hostname : `${hostname} ${label}`;
  const own = `${address ?? '127.0.1.1'}\t${names}`;
  return [...loopback, ...extra.map(([name, target]) => `${target}\t${name}`), own, ''].join('\n');
}
