import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { plainTcpRefused } from '#api/http';
import { OrlopError } from '#errors';
import { parseLogConfig } from '#engine';
import type { LogLevel } from '#log';
import type { LogConfig } from '#wire';
import { parseAddress } from '../registry/arguments.ts';
import { engineFlags, formatUsage, type EngineFlag, type FlagValues } from './flags.ts';

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

export const usage = formatUsage(engineFlags);

const levels: readonly string[] = ['debug', 'info', 'warn', 'error'];

/** The settings in a configuration file; null means the default one, which need not be there. */
export type ReadConfig = (file: string | null) => FlagValues;

/**
 * Parses the command line, and what `readConfig` gives of the configuration file. A flag goes before the file; lists of both are added up. Unknown flags and
 * values fail with invalid-argument naming them.
 */
export function parseEngineArguments(argv: readonly string[], readConfig: ReadConfig = () => ({})): EngineArguments {
  const given = parseFlags(argv);
  return resolve(given.help === true || given.version === true ? given : withConfig(given, readConfig));
}

/** An embedded engine belongs to a program, not to the machine whose default file it would be. */
function withConfig(given: FlagValues, readConfig: ReadConfig): FlagValues {
  const named = given['config-file'];
  if (named === undefined && given.embedded === true) return given;
  const inFile = readConfig(named === undefined ? null : absolute('--config-file', named));
  const lists = engineFlags.filter(({ kind }) => kind === 'list').map(({ name }) => name as 'host');
  const sums = lists.flatMap((name) => {
    const all = [...(given[name] ?? []), ...(inFile[name] ?? [])];
    return all.length === 0 ? [] : [[name, all] as const];
  });
  return { ...inFile, ...given, ...Object.fromEntries(sums) };
}

function resolve(values: FlagValues): EngineArguments {
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

function parseFlags(argv: readonly string[]): FlagValues {
  const options = engineFlags.map((flag: EngineFlag) => [
    flag.name,
    {
      type: flag.kind === 'switch' ? ('boolean' as const) : ('string' as const),
      multiple: flag.kind === 'list',
      ...(flag.short === undefined ? {} : { short: flag.short }),
    },
  ]);
  try {
    return parseArgs({ args: [...argv], allowPositionals: false, options: Object.fromEntries(options) }).values;
  } catch (cause) {
    // Node explains at length how to pass such a value; the first sentence names it.
    throw invalid(cause instanceof Error ? (cause.message.split('. ')[0] ?? cause.message) : String(cause));
  }
}

function tlsOf({ tls, tlsverify, tlscacert, tlscert, tlskey }: FlagValues): EngineArguments['tls'] {
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
