import { OrlopError } from '#errors';
import { compareVersions, type JsonReader } from '#api/http';
import type { CreateRequest } from '#wire';

type IsolationPart = Pick<
  CreateRequest,
  | 'pidNamespace'
  | 'ipcNamespace'
  | 'utsNamespace'
  | 'cgroupNamespace'
  | 'userNamespace'
  | 'cgroupParent'
  | 'annotations'
  | 'maskedPaths'
  | 'readonlyPaths'
  | 'runtimeName'
  | 'isolation'
>;

/** What a HostConfig says of namespaces, of the cgroup, and of what is hidden. Docker's words for what makes no sense. */
export function decodeIsolation(config: JsonReader, host: JsonReader, apiVersion: string): IsolationPart {
  const annotations = decodeAnnotations(host);
  return {
    ...given('pidNamespace', sharedModeOf(host, 'PidMode', 'PID mode', ['host'])),
    ...given('ipcNamespace', sharedModeOf(host, 'IpcMode', 'IPC mode', ['private', 'shareable', 'host', 'none']) ?? oldIpcMode(apiVersion)),
    ...given('utsNamespace', modeOf(host, 'UTSMode', 'UTS mode', ['host'])),
    ...given('cgroupNamespace', modeOf(host, 'CgroupnsMode', 'cgroup namespace mode', ['private', 'host'])),
    ...given('userNamespace', modeOf(host, 'UsernsMode', 'user namespace mode', ['host', 'auto'])),
    ...given('cgroupParent', host.text('CgroupParent') === '' ? undefined : host.text('CgroupParent')),
    // Docker's library for Python has it beside the host's part.
    ...given('runtimeName', runtimeOf(host.text('Runtime') || config.text('Runtime'))),
    ...given('isolation', isolationOf(host.text('Isolation'))),
    ...given('annotations', annotations),
    // Empty lists mean something here: they unmask.
    ...given('maskedPaths', host.texts('MaskedPaths') ?? undefined),
    ...given('readonlyPaths', host.texts('ReadonlyPaths') ?? undefined),
  };
}

function modeOf<const Mode extends string>(host: JsonReader, field: string, words: string, modes: readonly Mode[]): Mode | undefined {
  const mode = host.text(field);
  if (mode === '') return undefined;
  const known = modes.find((one) => one === mode);
  if (known === undefined) throw invalid(`invalid ${words}: ${mode}`, `${field} is one of ${modes.join(', ')}, or left out`);
  return known;
}

/** The same for what can also be another container's. */
function sharedModeOf(host: JsonReader, field: string, words: string, modes: readonly string[]): string | undefined {
  const mode = host.text(field);
  if (/^container:./.test(mode)) return mode;
  return modeOf(host, field, words, modes);
}

/** There is one runtime, this engine's own. It also goes by the name of the one whose behaviour it keeps to, for which clients of Docker's ask. */
function runtimeOf(name: string): 'runc' | undefined {
  if (name === 'runc') return name;
  if (name === '' || name === 'orlop') return undefined;
  throw invalid(`unknown or invalid runtime name: ${name}`, 'leave out the runtime');
}

/** Clients from before 1.40 expect that others can join. */
function oldIpcMode(apiVersion: string): 'shareable' | undefined {
  return compareVersions(apiVersion, '1.40') < 0 ? 'shareable' : undefined;
}

/** Shown as it was written. */
function isolationOf(isolation: string): string | undefined {
  if (isolation === '' || isolation.toLowerCase() === 'default') return isolation === '' ? undefined : isolation;
  throw invalid(
    `invalid isolation: ${JSON.stringify(isolation)} - linux only supports 'default'`,
    'leave it out: isolation technologies are for Windows',
  );
}

function decodeAnnotations(host: JsonReader): Record<string, string> | undefined {
  const annotations = host.textMap('Annotations') ?? {};
  if (Object.hasOwn(annotations, ''))
    throw invalid('invalid Annotations: the empty string is not permitted as an annotation key', 'name the annotation');
  return Object.keys(annotations).length === 0 ? undefined : annotations;
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [Name in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [Name in Key]: Value });
}

function invalid(message: string, hint: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_ISOLATION', message, { hint });
}
