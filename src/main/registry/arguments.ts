import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { OrlopError } from '#errors';

export interface ServeArguments {
  readonly verb: 'serve';
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly htpasswd: string | null;
  readonly anonymousPull: boolean;
  readonly token: { readonly realm: string; readonly service: string; readonly issuer: string; readonly key: string } | null;
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | null } | null;
  readonly readOnly: boolean;
  readonly sparse: boolean;
  readonly proxy: URL | null;
  readonly policy: string | null;
  readonly gcEveryMs: number;
}

export interface CollectArguments {
  readonly verb: 'gc';
  readonly root: string;
  readonly graceMs: number;
  readonly untagged: boolean;
  readonly dryRun: boolean;
  readonly policy: string | null;
}

export interface CheckArguments {
  readonly verb: 'check';
  readonly root: string;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const options: Readonly<Record<string, ParseArgsOptionsConfig>> = {
  serve: {
    addr: text,
    root: text,
    htpasswd: text,
    'anonymous-pull': flag,
    'token-realm': text,
    'token-service': text,
    'token-issuer': text,
    'token-key': text,
    'tls-cert': text,
    'tls-key': text,
    'tls-client-ca': text,
    'read-only': flag,
    sparse: flag,
    proxy: text,
    policy: text,
    'gc-every': text,
  },
  gc: { root: text, grace: text, 'delete-untagged': flag, 'dry-run': flag, policy: text },
  check: { root: text },
};

/** Parses `serve`, `gc` or `check` and their flags. Fails with invalid-argument `REGISTRY_ARGUMENT` naming what is wrong. */
export function parseRegistryArguments([verb = '', ...words]: readonly string[]): ServeArguments | CollectArguments | CheckArguments {
  const known = Object.hasOwn(options, verb) ? options[verb] : undefined;
  if (known === undefined) throw invalid(`there is no orlop registry ${verb}`);
  const values = parseFlags(words, known);
  const root = values['root'];
  if (root === undefined || root === '') throw invalid('--root is missing');
  if (verb === 'check') return { verb, root: String(root) };
  if (verb === 'serve') return parseServe(values, String(root));
  return {
    verb: 'gc',
    root: String(root),
    graceMs: parseNumber('--grace', values['grace'], 3600) * 1000,
    untagged: values['delete-untagged'] === true,
    dryRun: values['dry-run'] === true,
    policy: optional(values['policy']),
  };
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function parseServe(values: Values, root: string): ServeArguments {
  const tls = together(values, 'tls-cert', 'tls-key');
  const token = together(values, 'token-realm', 'token-service', 'token-issuer', 'token-key');
  const htpasswd = optional(values['htpasswd']);
  if (token !== null && htpasswd !== null) throw invalid('--htpasswd and --token-realm exclude each other');
  const clientCa = optional(values['tls-client-ca']);
  if (clientCa !== null && tls === null) throw invalid('--tls-client-ca needs --tls-cert and --tls-key');
  const [realm = '', service = '', issuer = '', key = ''] = token ?? [];
  if (`${realm}${service}`.includes('"')) throw invalid('--token-realm and --token-service cannot have quotes');
  return {
    verb: 'serve',
    ...parseAddress(optional(values['addr']) ?? '127.0.0.1:5000'),
    root,
    htpasswd,
    anonymousPull: values['anonymous-pull'] === true,
    token: token === null ? null : { realm, service, issuer, key },
    tls: tls === null ? null : { cert: tls[0] ?? '', key: tls[1] ?? '', clientCa },
    readOnly: values['read-only'] === true,
    sparse: values['sparse'] === true,
    proxy: parseProxy(optional(values['proxy'])),
    policy: optional(values['policy']),
    gcEveryMs: parseNumber('--gc-every', values['gc-every'], 24) * 3_600_000,
  };
}

/** `HOST:PORT`, `[IPV6]:PORT` or `:PORT` for all addresses. Fails with invalid-argument. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw invalid(`${address} is no address`, 'write HOST:PORT');
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? '::' : host, port };
}

function parseProxy(value: string | null): URL | null {
  if (value === null) return null;
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw invalid(`--proxy ${value} is no URL of a registry`, 'write https://HOST');
  return url;
}

function together(values: Values, ...names: readonly string[]): readonly string[] | null {
  const given = names.filter((name) => values[name] !== undefined);
  if (given.length === 0) return null;
  if (given.length < names.length) throw invalid(`${names.map((name) => `--${name}`).join(', ')} need each other`);
  return names.map((name) => String(values[name]));
}

function optional(value: string | boolean | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function parseNumber(name: string, value: string | boolean | undefined, usual: number): number {
  if (value === undefined) return usual;
  if (typeof value !== 'string' || !/^\d{1,6}$/.test(value)) throw invalid(`${name} ${value} is no number`);
  return Number(value);
}

function parseFlags(words: readonly string[], known: ParseArgsOptionsConfig): Values {
  try {
    return parseArgs({ args: [...words], options: known, allowPositionals: false }).values as Values;
  } catch (cause) {
    throw invalid(cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause));
  }
}

function invalid(message: string, hint = 'see orlop registry --help'): OrlopError {
  return new OrlopError('invalid-argument', 'REGISTRY_ARGUMENT', message, { hint });
}
