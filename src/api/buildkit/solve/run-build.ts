import { OrlopError, toOrlopError } from '#errors';
import { readIgnorePatterns } from '#ignore';
import type { BuildEvent, BuildRequest, BuildResult } from '#wire';
import type { BuildkitBackend, ContextSource } from '../backend.ts';
import { PlacedError } from '../grpc/serve.ts';
import type { Status } from '../messages/control.ts';
import { createBuildClient } from '../session/build-client.ts';
import { readTextFiles } from '../session/read-definition.ts';
import { readUpload } from '../session/read-upload.ts';
import { offerFiles } from '../session/receive-files.ts';
import { sendArchive, sendFiles } from '../session/send-files.ts';
import type { ClientSession, Sessions } from '../session/sessions.ts';
import type { CachePlan } from './caches.ts';
import { type AttributePlan, type Attributes, planAttributes } from './attributes.ts';
import { type Exporter, planOutputs } from './outputs.ts';
import { createProgress, definitionStep, exported } from './progress.ts';

/** A build as a client of BuildKit's has asked for it. */
export interface WantedBuild {
  /** The client's own name for it. */
  readonly ref: string;
  /** Its session's id; empty for a client that has none, and whose context comes with its request. */
  readonly session: string;
  readonly attributes: Attributes;
  /** The context, when it does not come in the session. */
  readonly context?: ContextSource;
  readonly exporters: readonly Exporter[];
  /** What needs a word of its own: `network.host`. */
  readonly entitlements: readonly string[];
  readonly cache: CachePlan;
  readonly report: (status: Status) => void;
  readonly signal: AbortSignal;
}

export interface Built {
  readonly result: BuildResult;
  /** The Dockerfile. */
  readonly source: { readonly name: string; readonly text: string };
}

export interface BuildParts {
  readonly backend: BuildkitBackend;
  readonly sessions: Sessions;
  /** The engine's. */
  readonly version: string;
}

/** Builds in a client's session: its directories are asked for there, its secrets, and what is built is handed out there. A session that ends gives the build up. */
export async function runBuild({ backend, sessions }: BuildParts, wanted: WantedBuild): Promise<Built> {
  const plan = planAttributes(wanted.attributes);
  const { output, names } = planOutputs(wanted.exporters);
  const session = wanted.session === '' ? null : await sessions.find(wanted.session, wanted.signal);
  const others = await findOthers(sessions, plan, wanted.signal);
  const signal = AbortSignal.any([
    wanted.signal,
    ...[...(session === null ? [] : [session]), ...others.values()].map(({ services }) => services.closed),
  ]);
  const holderOf: HolderOf = (directory) => others.get(directory) ?? session ?? nobody();
  const toStatus = createProgress(wanted.ref);
  let text = '';
  const report = (event: BuildEvent): void => {
    if (event.type === 'source') text = event.text;
    // Who asks for the warnings alone gets them as the answer; who asks what a file says of itself does not want them.
    if (event.type === 'warning' && (plan.request.check === true || plan.request.describe !== undefined)) return;
    const status = toStatus(event);
    if (status !== null) wanted.report(status);
  };
  try {
    const definition = await readDefinition(holderOf, plan, report, signal);
    for (const what of wanted.cache.unused) report({ type: 'notice', text: `${what} is not used: give type=registry` });
    const request: BuildRequest = {
      ...plan.request,
      ...definition,
      ...(plan.context.kind === 'remote' ? { remote: plan.context.url } : { contextSent: true }),
      allow: wanted.entitlements,
      cacheFrom: wanted.cache.from,
      cacheTo: wanted.cache.to,
      output,
      names,
    };
    let lastMs = Date.now();
    const result = await backend.builds.build(request, {
      id: wanted.ref,
      ...contextsOf(holderOf, plan, definition, signal),
      ...(wanted.context === undefined ? {} : { context: wanted.context }),
      ...(session === null ? {} : { client: createBuildClient(session) }),
      report(event) {
        lastMs = Date.now();
        report(event);
      },
      // Clients number their outputs.
      output: (archive) => sendArchive(session ?? nobody(), archive, 0, signal),
      outputFiles: (files) => sendFiles(session ?? nobody(), files, 0, signal),
      signal,
    });
    if (result.id !== '' && output === 'image') wanted.report(exported(wanted.ref, result, lastMs));
    return { result, source: { name: plan.dockerfile, text } };
  } catch (thrown) {
    throw placed(inTheirWords(thrown, signal), { name: plan.dockerfile, text });
  }
}

function nobody(): never {
  throw new OrlopError(
    'failed-precondition',
    'BUILDKIT_NO_SESSION',
    'the client has no session that could be asked for files, and takes none',
  );
}

/** The session that a directory of the client's is in. */
type HolderOf = (directory: string) => ClientSession;

async function findOthers(sessions: Sessions, plan: AttributePlan, signal: AbortSignal): Promise<ReadonlyMap<string, ClientSession>> {
  const others = new Map<string, ClientSession>();
  for (const [directory, id] of Object.entries(plan.sessions)) others.set(directory, await sessions.find(id, signal));
  return others;
}

type Definition = Pick<BuildRequest, 'dockerfile' | 'dockerfileText' | 'ignoreText'>;

/** The Dockerfile and what is to be ignored, where they are the client's; the engine finds them itself in a context that it fetches. */
async function readDefinition(
  holderOf: HolderOf,
  { dockerfile, dockerfileDirectory, context }: AttributePlan,
  report: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<Definition> {
  if (dockerfileDirectory === null) return { dockerfile };
  const own = `${dockerfile}.dockerignore`;
  const found = await step(report, definitionStep, `load build definition from ${dockerfile}`, async () => {
    // Clients have this, too, where there is no other.
    const small = dockerfile.replace(/(^|\/)Dockerfile$/, '$1dockerfile');
    const files = await readTextFiles(holderOf(dockerfileDirectory), dockerfileDirectory, [dockerfile, own, small], signal);
    const text = files.get(dockerfile) ?? files.get(small);
    if (text !== undefined) return new Map([...files, [dockerfile, text]]);
    throw new OrlopError('not-found', 'BUILD_NO_DOCKERFILE', `failed to read dockerfile: open ${dockerfile}: no such file or directory`);
  });
  const definition = { dockerfile, dockerfileText: found.get(dockerfile) ?? '' };
  if (found.has(own)) return { ...definition, ignoreText: found.get(own) ?? '' };
  if (context.kind !== 'directory') return definition;
  const ignored = await step(report, 'ignore', 'load .dockerignore', () =>
    readTextFiles(holderOf(context.name), context.name, ['.dockerignore'], signal),
  );
  const ignoreText = ignored.get('.dockerignore');
  return ignoreText === undefined ? definition : { ...definition, ignoreText };
}

async function step<Value>(report: (event: BuildEvent) => void, name: string, text: string, work: () => Promise<Value>): Promise<Value> {
  report({ type: 'start', step: name, text, instruction: '', stage: '', number: 0, of: 0, line: 0, lines: 0, atMs: Date.now() });
  try {
    const value = await work();
    report({ type: 'end', step: name, atMs: Date.now(), cached: false, state: '' });
    return value;
  } catch (error) {
    report({ type: 'end', step: name, atMs: Date.now(), cached: false, state: '', error: toOrlopError(error).message });
    throw error;
  }
}

function contextsOf(
  holderOf: HolderOf,
  { context, directories }: AttributePlan,
  { ignoreText }: Definition,
  signal: AbortSignal,
): { context?: ContextSource; contexts: Map<number, ContextSource> } {
  const contexts = new Map<number, ContextSource>();
  for (const [stream, directory] of directories) contexts.set(stream, offerFiles(holderOf(directory), { directory }, signal));
  if (context.kind === 'remote') return { contexts };
  if (context.kind === 'upload') return { context: uploadOf(holderOf, context.path, signal), contexts };
  const exclude = ignoreText === undefined ? [] : readIgnorePatterns(ignoreText);
  return { context: offerFiles(holderOf(context.name), { directory: context.name, exclude }, signal), contexts };
}

/** Asked for when it is read: it may have come in another way. */
async function* uploadOf(holderOf: HolderOf, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield* readUpload(holderOf('context'), path, signal);
}

/** What people search for. */
function inTheirWords(thrown: unknown, signal: AbortSignal): OrlopError {
  const error = toOrlopError(thrown);
  if (signal.aborted && error.kind !== 'cancelled')
    return new OrlopError('cancelled', 'BUILD_CANCELLED', 'context canceled', { cause: error });
  if (error.code !== 'BUILD_STEP_FAILED') return error;
  const { details = {} } = error;
  const words = `process ${JSON.stringify(details['command'])} did not complete successfully: exit code: ${String(details['exitCode'])}`;
  return new OrlopError(error.kind, error.code, words, { details, cause: error });
}

function placed(error: OrlopError, file: { readonly name: string; readonly text: string }): unknown {
  const lines = error.details?.['lines'] as { readonly first: number; readonly last: number } | undefined;
  return lines === undefined || file.text === '' ? error : new PlacedError(error, { ...file, first: lines.first, last: lines.last });
}
