export interface OwnHost {
  /** The container's own name; a dotted one also gets its first label as an alias. */
  readonly hostname: string;
  /** Its addresses in all its networks; without any the name means the loopback. */
  readonly addresses: readonly string[];
}

/** Another container by the names that one has for it. */
export interface LinkedHost {
  readonly names: readonly string[];
  readonly address: string;
}

export interface HostsOptions extends OwnHost {
  /** Links to other containers. */
  readonly linked?: readonly LinkedHost[];
  /** More entries, `[name, address]`, as `--add-host` gives them. */
  readonly extra?: readonly (readonly [name: string, address: string])[];
  /** Default true. */
  readonly ipv6?: boolean;
}

const loopback4 = '127.0.0.1\tlocalhost';
const loopback6 = [
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** The text of a container's /etc/hosts (hosts(5)), with a line for each of its addresses. Pure. */
export function formatHosts(options: HostsOptions): string {
  const extra = (options.extra ?? []).map(([name, target]) => `${target}\t${name}`);
  return [
    loopback4,
    ...(options.ipv6 === false ? [] : loopback6),
    ...extra,
    ...(options.linked ?? []).map(formatLinked),
    ...ownLines(options),
    '',
  ].join('\n');
}

/** The same file after the container's addresses have changed: its own lines are replaced where they stand, whatever else was written there stays. Pure. */
export function replaceOwnHosts(text: string, own: OwnHost): string {
  const names = namesOf(own.hostname);
  const lines = text.split('\n');
  const isOwn = (line: string): boolean => line.slice(line.indexOf('\t') + 1) === names && line.includes('\t');
  const first = lines.findIndex(isOwn);
  const end = first < 0 ? lines.length - (lines.at(-1) === '' ? 1 : 0) : first;
  return [...lines.slice(0, end), ...ownLines(own), ...lines.slice(end).filter((line) => !isOwn(line))].join('\n');
}

/** The same file after what it links to has changed: lines that begin with one of the aliases are replaced. Pure. */
export function replaceLinkedHosts(text: string, aliases: readonly string[], linked: readonly LinkedHost[]): string {
  if (aliases.length === 0) return text;
  const known = new Set(aliases);
  const isLinked = (line: string): boolean => line.includes('\t') && known.has(line.slice(line.indexOf('\t') + 1).split(' ', 1)[0] ?? '');
  const lines = text.split('\n');
  const first = lines.findIndex(isLinked);
  const end = first < 0 ? lines.length - (lines.at(-1) === '' ? 1 : 0) : first;
  return [...lines.slice(0, end), ...linked.map(formatLinked), ...lines.slice(end).filter((line) => !isLinked(line))].join('\n');
}

function formatLinked({ names, address }: LinkedHost): string {
  return `${address}\t${names.join(' ')}`;
}

function ownLines({ hostname, addresses }: OwnHost): string[] {
  return (addresses.length === 0 ? ['127.0.1.1'] : addresses).map((address) => `${address}\t${namesOf(hostname)}`);
}

function namesOf(hostname: string): string {
  const label = hostname.split('.', 1)[0] ?? hostname;
  return label === hostname || label === '' ? hostname : `${hostname} ${label}`;
}
