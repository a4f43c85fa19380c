import { randomBytes } from 'node:crypto';
import { type OrlopError, toOrlopError } from '#errors';
import { type Exchange, formatErrorAnswer } from '#api/http';
import { statusType } from './messages/control.ts';
import { PlacedError } from './grpc/serve.ts';
import { type Attributes, refused } from './solve/attributes.ts';
import type { Uploads } from './session/uploads.ts';
import type { Exporter } from './solve/outputs.ts';
import { type BuildParts, runBuild } from './solve/run-build.ts';

/** Says that the context comes in another request, whose build has a name that begins so. */
const uploadRemote = 'upload-request';
const uploadPrefix = 'upload-request:';

/**
 * `POST /build?version=2&session=…`: docker's command line without a plugin for builds. The answer is lines of JSON: what happens, as BuildKit's statuses in base64, and at last the image's id
 * or what has failed.
 */
export async function buildBySession(parts: BuildParts, uploads: Uploads, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const ref = query.text('buildid');
  if (ref.startsWith(uploadPrefix)) {
    await uploads.offer(ref.slice(uploadPrefix.length), exchange.body, signal);
    return exchange.empty(200);
  }
  const attributes = attributesOf(exchange);
  const exporters = exportersOf(exchange);
  const out = exchange.stream(200, 'application/json');
  let last = Promise.resolve();
  const send = (line: unknown): void => {
    last = last.then(() => out.write(`${JSON.stringify(line)}\r\n`));
  };
  try {
    const { result } = await runBuild(parts, {
      ref: ref === '' ? randomBytes(16).toString('hex') : ref,
      session: query.text('session'),
      attributes,
      ...contextOf(uploads, ref, exchange),
      exporters,
      entitlements: query.text('networkmode') === 'host' ? ['network.host'] : [],
      cache: { from: textsOf(exchange, 'cachefrom').map((reference) => ({ kind: 'registry', reference })), to: [], unused: [] },
      report: (status) => send({ id: 'moby.buildkit.trace', aux: Buffer.from(statusType.encode(status)).toString('base64') }),
      signal,
    });
    if (result.id !== '') send({ id: 'moby.image.id', aux: { ID: result.id } });
  } catch (thrown) {
    const error: OrlopError = toOrlopError(thrown instanceof PlacedError ? thrown.cause : thrown);
    const { message } = formatErrorAnswer(error).body;
    send({ errorDetail: { message }, error: message });
  }
  await last;
}

/** A tar that the client sends: with the request, or in one of its own. */
function contextOf(uploads: Uploads, ref: string, { query, body, signal }: Exchange): { readonly context?: AsyncIterable<Uint8Array> } {
  if (query.text('remote') === '') return { context: body };
  return query.text('remote') === uploadRemote ? { context: uploads.take(ref, signal) } : {};
}

/** The query as the frontend's attributes. */
function attributesOf(exchange: Exchange): Attributes {
  const { query } = exchange;
  const attributes: Record<string, string> = {};
  const put = (name: string, value: string): void => {
    if (value !== '') attributes[name] = value;
  };
  const remote = query.text('remote');
  const isSent = remote === '' || remote === uploadRemote;
  put('context', remote === 'client-session' ? '' : isSent ? 'http://buildkit-session/upload' : remote);
  put('filename', query.text('dockerfile'));
  put('target', query.text('target'));
  put('platform', query.text('platform'));
  put('force-network-mode', query.text('networkmode'));
  put('add-hosts', query.all('extrahosts').map(withEquals).join(','));
  put('cgroup-parent', query.text('cgroupparent'));
  if (query.flag('nocache')) attributes['no-cache'] = '';
  if (query.flag('pull')) attributes['image-resolve-mode'] = 'pull';
  if (query.flag('squash')) throw refused('--squash in a build by BuildKit', 'build with DOCKER_BUILDKIT=0');
  const shmSize = query.integer('shmsize') ?? 0;
  if (shmSize > 0) put('shm-size', String(shmSize));
  for (const [name, value] of pairsOf(exchange, 'buildargs')) attributes[`build-arg:${name}`] = value;
  for (const [name, value] of pairsOf(exchange, 'labels')) attributes[`label:${name}`] = value;
  const ulimits = jsonOf(exchange, 'ulimits') as { readonly Name: string; readonly Soft: number; readonly Hard: number }[] | null;
  put('ulimit', (ulimits ?? []).map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`).join(','));
  return attributes;
}

function withEquals(host: string): string {
  const at = host.indexOf(':');
  return at < 0 ? host : `${host.slice(0, at)}=${host.slice(at + 1)}`;
}

/** Without any it is an image of the engine's with the names of `t`. */
function exportersOf(exchange: Exchange): Exporter[] {
  const outputs = (jsonOf(exchange, 'outputs') ?? []) as { readonly Type: string; readonly Attrs?: Record<string, string> | null }[];
  const names = exchange.query
    .all('t')
    .filter((name) => name !== '')
    .join(',');
  if (outputs.length === 0) return [{ type: 'moby', attributes: { name: names } }];
  return outputs
    .filter(({ Type }) => Type !== 'cacheonly')
    .map(({ Type: type, Attrs }) => ({ type, attributes: { ...(names === '' ? {} : { name: names }), ...Attrs } }));
}

function jsonOf({ query }: Exchange, parameter: string): unknown {
  const json = query.text(parameter);
  if (json === '') return null;
  try {
    return JSON.parse(json);
  } catch {
    throw refused(`a query whose ${parameter} is not JSON`, 'send JSON');
  }
}

/** A map of texts; what has no value is as if it were not there. */
function pairsOf(exchange: Exchange, parameter: string): [string, string][] {
  const value = jsonOf(exchange, parameter) ?? {};
  return Object.entries(value as Record<string, unknown>).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
}

function textsOf(exchange: Exchange, parameter: string): string[] {
  const value = jsonOf(exchange, parameter);
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}
