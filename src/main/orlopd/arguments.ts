import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { plainTcpRefused } from '#api/http';
import { OrlopError } from '#errors';
import { parseLogConfig } from '#engine';
import type { LogLevel } from '#log';
import type { LogConfig } from '#wire';
import { parseAddress } from '../registry/arguments.ts';

export interface EngineArguments {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly hosts: readonly string[];
  /** Members of it may use unix sockets without being root. */
  readonly group: string;
  /** Files in PEM that ports are served with; null: there are no ports. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | null;
  readonly pidfile: string | null;
  /** Where a registry listens that keeps its content below the data root; null for none. */
  readonly registry: { readonly host: string; readonly port: number } | null;
  readonly logLevel: LogLevel;
  readonly sandboxesReady: number;
  /** Mirrors, blocks and trust for registries; null for the default file, which need not be there. */
  readonly registriesFile: string | null;
  /** Servers of images for LXD and Incus; null for the default file, which need not be there. */
  readonly remotesFile: string | null;
  /** Where people put recipes for base images; need not be there. */
  readonly templatesDirectory: string;
  /** How containers' roots are made: overlay mounts, or whole copies for file systems that overlayfs cannot stand on. */
  readonly storageDriver: 'overlay' | 'native';
  /** Where ports are published that name no address. */
  readonly publishAddresses: readonly string[];
  /** How output is kept of containers that say nothing of it. */
  readonly logging: LogConfig;
  /** It belongs to the program that holds its standard input: it ends with that, and its containers and networks with it. */
  readonly embedded: boolean;
  /** What is removed at the end of an embedded engine: a directory that holds both roots; null for nothing. */
  readonly removeAtEnd: string | null;
  /** Where devices are described for CDI. */
  readonly cdiDirectories: readonly string[];
  /** What to print instead of serving. */
  readonly show: 'help' | 'version' | null;
}

export const usage = `Usage: orlopd [OPTIONS]

The engine: serves the Docker Engine API and Orlop's own, and keeps containers.

      --data-root DIR       images, layers, containers and the database (default /var/lib/orlop)
      --exec-root DIR       what lives until the next boot (default /run/orlop)
  -H, --host ADDRESS        where to listen: unix://PATH, or tcp://HOST:PORT with --tlsverify; may be given several times
                            (default unix://EXEC-ROOT/orlop.sock)
  -G, --group GROUP         who may use unix sockets besides root (default orlop)
      --tlsverify           serve ports to clients whose certificate --tlscacert has signed
      --tlscacert FILE      (default /etc/orlop/tls/ca.pem)
      --tlscert FILE        (default /etc/orlop/tls/cert.pem)
      --tlskey FILE         (default /etc/orlop/tls/key.pem)
      --pidfile FILE        write the process id here
      --registry HOST:PORT  serve a registry as well, with its content in DATA-ROOT/registry
      --log-level LEVEL     debug, info, warn or error (default info)
      --sandboxes N         how many sandboxes are kept ready for fast starts, 0 to 64 (default 4)
      --registries FILE     mirrors, blocks and trust for registries (default /etc/orlop/registries.json)
      --remotes FILE        servers of images for LXD and Incus (default /etc/orlop/remotes.json)
      --templates DIR       recipes for base images, *.json (default /etc/orlop/templates)
      --storage-driver NAME overlay, or native: a whole copy of the image for each container (default overlay)
      --publish-address IP  where ports are published that name no address; may be given several times (default 0.0.0.0 and ::)
      --log-driver NAME     how containers' output is kept unless they say: json-file, local or none (default json-file)
      --log-opt NAME=VALUE  options of that driver, such as max-size=10m, max-file=3, max-age=7d; may be given several times
      --embedded            end when standard input does, and remove all containers and networks then
      --remove-at-end DIR   with --embedded: remove this directory as well, which holds both roots
      --cdi-spec-dir DIR    where devices are described for CDI; may be given several times (default /etc/cdi and /var/run/cdi)
  -h, --help
  -v, --version
`;

const levels: readonly string[] = ['debug', 'info', 'warn', 'error'];

/** Parses the command line. Unknown flags and values fail with invalid-argument naming them. */
export function parseEngineArguments(argv: readonly string[]): EngineArguments {
  const { values } = parseFlags(argv);
  const execRoot = absolute('--exec-root', values['exec-root'] ?? '/run/orlop');
  const logLevel = values['log-level'] ?? 'info';
  if (!levels.includes(logLevel)) throw invalid(`--log-level ${logLevel} is none of ${levels.join(', ')}`);
  const sandboxes = values.sandboxes ?? '4';
  if (!/^\d{1,2}$/.test(sandboxes) || Number(sandboxes) > 64) throw invalid(`--sandboxes ${sandboxes} is not a number from 0 to 64`);
  const storageDriver = values['storage-driver'] ?? 'overlay';
  if (storageDriver !== 'overlay' && storageDriver !== 'native')
    throw invalid(`--storage-driver ${storageDriver} is none of overlay, native`);
  const hosts = values.host ?? [`unix://${execRoot}/orlop.sock`];
  const tls = tlsOf(values);
  const open = tls === null ? hosts.find((host) => host.startsWith('tcp://')) : undefined;
  if (open !== undefined) throw plainTcpRefused(open);
  const dataRoot = absolute('--data-root', values['data-root'] ?? '/var/lib/orlop');
  return {
    dataRoot,
    execRoot,
    hosts,
    group: values.group ?? 'orlop',
    tls,
    pidfile: values.pidfile ?? null,
    registry: values.registry === undefined ? null : parseAddress(values.registry),
    logLevel: logLevel as LogLevel,
    sandboxesReady: Number(sandboxes),
    registriesFile: values.registries === undefined ? null : absolute('--registries', values.registries),
    remotesFile: values.remotes === undefined ? null : absolute('--remotes', values.remotes),
    templatesDirectory: absolute('--templates', values.templates ?? '/etc/orlop/templates'),
    storageDriver,
    publishAddresses: publishAddressesOf(values['publish-address']),
    cdiDirectories: (values['cdi-spec-dir'] ?? ['/etc/cdi', '/var/run/cdi']).map((directory) => absolute('--cdi-spec-dir', directory)),
    logging: loggingOf(values['log-driver'], values['log-opt']),
    embedded: values.embedded === true,
    removeAtEnd: removedAtEnd(values['remove-at-end'], values.embedded === true, [dataRoot, execRoot]),
    show: values.help === true ? 'help' : values.version === true ? 'version' : null,
  };
}

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: false,
      options: {
        'data-root': { type: 'string' },
        'exec-root': { type: 'string' },
        host: { type: 'string', short: 'H', multiple: true },
        group: { type: 'string', short: 'G' },
        tls: { type: 'boolean' },
        tlsverify: { type: 'boolean' },
        tlscacert: { type: 'string' },
        tlscert: { type: 'string' },
        tlskey: { type: 'string' },
        pidfile: { type: 'string' },
        registry: { type: 'string' },
        'log-level': { type: 'string' },
        sandboxes: { type: 'string' },
        registries: { type: 'string' },
        remotes: { type: 'string' },
        templates: { type: 'string' },
        'storage-driver': { type: 'string' },
        'publish-address': { type: 'string', multiple: true },
        'log-driver': { type: 'string' },
        'log-opt': { type: 'string', multiple: true },
        embedded: { type: 'boolean' },
        'remove-at-end': { type: 'string' },
        'cdi-spec-dir': { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (cause) {
    // Node explains at length how to pass such a value; the first sentence names it.
    throw invalid(cause instanceof Error ? (cause.message.split('. ')[0] ?? cause.message) : String(cause));
  }
}

interface TlsFlags {
  readonly tls?: boolean;
  readonly tlsverify?: boolean;
  readonly tlscacert?: string;
  readonly tlscert?: string;
  readonly tlskey?: string;
}

function tlsOf({ tls, tlsverify, tlscacert, tlscert, tlskey }: TlsFlags): EngineArguments['tls'] {
  if (tlsverify !== true) {
    if (tls === true) throw invalid('--tls alone is refused: it lets in every client; give --tlsverify');
    if ((tlscacert ?? tlscert ?? tlskey) !== undefined) throw invalid('--tlscacert, --tlscert and --tlskey go with --tlsverify');
    return null;
  }
  return {
    ca: absolute('--tlscacert', tlscacert ?? '/etc/orlop/tls/ca.pem'),
    cert: absolute('--tlscert', tlscert ?? '/etc/orlop/tls/cert.pem'),
    key: absolute('--tlskey', tlskey ?? '/etc/orlop/tls/key.pem'),
  };
}

function publishAddressesOf(given: readonly string[] = ['0.0.0.0', '::']): readonly string[] {
  const wrong = given.find((text) => isIP(text) === 0);
  if (wrong !== undefined) throw invalid(`--publish-address ${wrong} is not an IP address`);
  return given;
}

function loggingOf(driver = 'json-file', given: readonly string[] = []): LogConfig {
  const wrong = given.find((text) => !/^[^=]+=/.test(text));
  if (wrong !== undefined) throw invalid(`--log-opt ${wrong} is not NAME=VALUE`);
  const options = Object.fromEntries(given.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
  parseLogConfig({ driver, options });
  return { driver, options };
}

/** Nothing is removed that might be somebody else's: the roots are made for such an engine, and what holds them is. */
function removedAtEnd(given: string | undefined, isEmbedded: boolean, roots: readonly string[]): string | null {
  if (given === undefined) return null;
  const directory = absolute('--remove-at-end', given);
  if (!isEmbedded) throw invalid('--remove-at-end is for engines that are --embedded');
  if (directory.split('/').includes('..') || !roots.every((root) => root.startsWith(`${directory}/`)))
    throw invalid(`--remove-at-end ${directory} does not hold both --data-root and --exec-root`);
  return directory;
}

function absolute(flag: string, path: string): string {
  if (!path.startsWith('/')) throw invalid(`${flag} ${path} is not an absolute path`);
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ORLOPD_ARGUMENT', message, { hint: 'see orlopd --help' });
}
