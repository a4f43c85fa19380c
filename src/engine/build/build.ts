import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  type BaseSource,
  checkDockerfile,
  compileStage,
  configOfBase,
  describeDockerfile,
  type CheckOptions,
  type Dockerfile,
  enforceChecks,
  formatExcerpt,
  type IgnoreMatcher,
  readCheckSettings,
  parseDockerfile,
  parseIgnoreFile,
  planStages,
  type PlanOptions,
  type SolvedStage,
  solve,
  type StageConfig,
  type StagePlan,
  type Step,
  type Warning,
  withLabels,
} from '#build';
import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import { type Platform, parsePlatform, platformOfNodeArch } from '#oci';
import type { BuildClient, BuildEvent, BuildRequest, BuildResult, BuildWarning, Progress, RegistryLogin, SentFile } from '#wire';
import { credentialsBy } from '../image/registries.ts';
import type { EngineContext } from '../context.ts';
import { type BuildImagePorts, createBaseImages } from './base-images.ts';
import type { CacheUses } from './cache-uses.ts';
import { type Contexts, type ContextStreams, hideIgnored, readContextFile, receiveContexts } from './contexts.ts';
import { type BuildRun, createExecutor } from './executor.ts';
import type { KeptContexts } from './kept-contexts.ts';
import { createRemoteFiles } from './remote.ts';
import { openScratch, openSecretsDirectory } from './scratch.ts';
import { exportSteps } from './shared-cache/export.ts';
import { openImports } from './shared-cache/import.ts';
import { createSharedCache } from './shared-cache/steps.ts';
import type { ContextSource } from './sent-files.ts';
import type { StepBook } from './step-cache.ts';
import { checkNames, type Written, writeFailed, writeResult } from './write.ts';

/** What belongs to a build beside what is asked for. */
export interface BuildOptions {
  /** The main context; absent: it is empty. */
  readonly context?: ContextSource;
  readonly contexts?: ReadonlyMap<number, ContextSource>;
  /** By registry, for this build only. */
  readonly logins?: Readonly<Record<string, RegistryLogin>>;
  readonly report: (event: BuildEvent) => void;
  /** Takes an archive that is the result. */
  readonly output?: (archive: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Takes the files that are the result. */
  readonly outputFiles?: (files: AsyncIterable<SentFile>) => Promise<void>;
  /** Is asked for secrets, agents and logins that did not come with the request. */
  readonly client?: BuildClient;
  readonly signal: AbortSignal;
}

/** What all builds of an engine share. */
export interface Builder {
  readonly context: EngineContext;
  readonly steps: StepBook;
  readonly caches: CacheUses;
  readonly kept: KeptContexts;
}

/** Builds an image, or what else is asked for. Fails as its steps do; a failure names the place in the Dockerfile in its details (`lines`, `excerpt`). */
export async function build(builder: Builder, request: BuildRequest, options: BuildOptions): Promise<BuildResult> {
  const { context } = builder;
  const { signal, report } = options;
  checkNames(request.names ?? []);
  await using opened = new AsyncDisposableStack();
  const id = randomBytes(16).toString('hex');
  using lease = context.store.leases.create();
  const scratch = opened.use(openScratch(context));
  const remote = createRemoteFiles(context, scratch, signal);
  const contexts = await receive(builder, { request, options, scratch, remote });
  const found = await readDockerfile(context, contexts, request);
  report({ type: 'source', name: found.name, text: found.text });
  const file = parseDockerfile(found.text);
  const epoch = epochOf(request);
  const planOptions = planOptionsOf(request);
  if (epoch !== null && context.store.snapshots.driver === 'native') throw noEpochHere();
  const checked = check(context, file, planOptions, found.ignore);
  for (const warning of checked) report({ type: 'warning', warning });
  const nothing = { buildId: id, id: '', digest: '', names: [], warnings: checked };
  if (request.check === true) return nothing;
  if (request.describe !== undefined) return { ...nothing, description: describeDockerfile(file, request.describe, planOptions) };

  const credentials = credentialsBy(options.logins ?? {}, (host) => options.client?.login(host, signal) ?? null);
  const images = createBaseImages(context, {
    lease,
    steps: builder.steps,
    pull: request.pull === true,
    referenceOf: (name) => imageOfContext(contexts, name),
    credentials,
    signal,
  });
  const imports = await openImports(context, request.cacheFrom ?? [], { credentials, report, signal });
  const steps = createSharedCache(builder.steps.of(lease), { store: context.store, lease, imports, report });
  const plan = await planWithTriggers(file, planOptions, { images, signal, report });
  if (plan.unusedBuildArgs.length > 0)
    report({ type: 'notice', text: `[Warning] One or more build-args [${plan.unusedBuildArgs.join(' ')}] were not consumed` });
  const secrets = secretsOf(request);
  let memory: ReturnType<typeof openSecretsDirectory> | null = null;
  let secretFiles = 0;
  const removals = new Set<Promise<void>>();
  // Before the scratch directory goes.
  opened.defer(async () => void (await Promise.allSettled(removals)));
  const latestNs = epoch === null ? {} : { latestNs: BigInt(epoch) * 1_000_000_000n };
  const result: Written = { builder, request, lease, images, steps, epoch, options };
  const run: BuildRun = {
    id,
    context,
    request,
    lease,
    scratch,
    contexts,
    remote,
    caches: builder.caches,
    secrets,
    agents: new Map(Object.entries(request.ssh ?? {})),
    client: options.client ?? null,
    secretFile: () => join((memory ??= opened.use(openSecretsDirectory(context))).path, String(secretFiles++)),
    imageRoot: async (reference) => (await images.base({ kind: 'image', reference }, planOptions.platform, quiet(signal))).root,
    imageName: request.names?.[0] ?? 'a build',
    ...latestNs,
    keepFailed: request.keepFailed === true ? (layer, root, config) => writeFailed(result, { layer, root, config }) : null,
    leave: (removal) => void removals.add(removal.catch((error: unknown) => context.logger.warn('a step could not be removed', { error }))),
  };
  const solved = await solve(
    plan,
    {
      images,
      executor: createExecutor(run),
      cache: steps,
      report,
      now: () => new Date().toISOString(),
    },
    {
      compile: (position, base) =>
        compileStage(plan, position, base, {
          classic: request.sequential === true,
          ...(found.ignore === null ? {} : { ignore: found.ignore }),
        }),
      noCache: request.noCache === true,
      noCacheFilter: request.noCacheFilter ?? [],
      sequential: request.sequential === true,
      parallel: Math.max(2, availableParallelism()),
      network: request.network ?? 'default',
      ...(epoch === null ? {} : { epoch }),
      signal,
      explain: (error, step) => explain(error, step, file),
    },
  );
  if (request.sequential === true && solved.history.length === 0)
    throw new OrlopError('invalid-argument', 'BUILD_NO_IMAGE', 'No image was generated. Is your Dockerfile empty?');
  const labelled: SolvedStage = withLabels(solved, request.labels ?? {});
  const written = await writeResult(result, labelled, plan.stages[plan.target]?.platform ?? planOptions.platform);
  await exportSteps(context, request.cacheTo ?? [], { images, known: steps, credentials, report, signal });
  return { buildId: id, ...written, warnings: checked };
}

async function receive(
  { context, kept }: Builder,
  {
    request,
    options,
    scratch,
    remote,
  }: {
    readonly request: BuildRequest;
    readonly options: BuildOptions;
    readonly scratch: ReturnType<typeof openScratch>;
    readonly remote: ReturnType<typeof createRemoteFiles>;
  },
): Promise<Contexts> {
  const { report, signal } = options;
  const step = 'context';
  report({
    type: 'start',
    step,
    text: 'load build context',
    instruction: '',
    stage: '',
    number: 0,
    of: 0,
    line: 0,
    lines: 0,
    atMs: Date.now(),
  });
  let told = 0;
  const streams: ContextStreams = {
    ...(options.context === undefined ? {} : { main: options.context }),
    others: options.contexts ?? new Map(),
    kept,
    signal,
    onBytes(bytes) {
      if (bytes - told < 1024 * 1024) return;
      told = bytes;
      report({ type: 'progress', step, progress: { id: 'context', status: 'Receiving', current: bytes } });
    },
  };
  const contexts = await receiveContexts(context, scratch, { request, streams, remote });
  report({ type: 'end', step, atMs: Date.now(), cached: false, state: '' });
  return contexts;
}

interface FoundDockerfile {
  readonly name: string;
  readonly text: string;
  readonly ignore: IgnoreMatcher | null;
}

async function readDockerfile(context: EngineContext, contexts: Contexts, request: BuildRequest): Promise<FoundDockerfile> {
  const name = request.dockerfile ?? 'Dockerfile';
  const files = contexts.files(null);
  const given = request.dockerfileText ?? contexts.dockerfile;
  const text = given ?? (await readContextFile(context, files, name)) ?? (await readContextFile(context, files, otherName(name)));
  if (text === null) {
    throw new OrlopError('not-found', 'BUILD_NO_DOCKERFILE', `failed to read dockerfile: open ${name}: no such file or directory`, {
      hint: 'say which file it is with -f',
      details: { dockerfile: name },
    });
  }
  const ignoreFiles = given === null ? [`${name}.dockerignore`, '.dockerignore'] : ['.dockerignore'];
  let ignoreText = request.ignoreText ?? null;
  for (const path of ignoreFiles) ignoreText ??= await readContextFile(context, files, path);
  const ignore = ignoreText === null ? null : parseIgnoreFile(ignoreText);
  if (ignore !== null) await hideIgnored(context, files, ignore, [name, ...ignoreFiles]);
  return { name, text, ignore };
}

/** Docker's clients and BuildKit take `dockerfile` where there is no `Dockerfile`. */
function otherName(name: string): string {
  return name.replace(/(^|\/)Dockerfile$/, '$1dockerfile');
}

/** Seconds: the request's, or the build argument's. */
function epochOf({ sourceDateEpoch, buildArgs }: BuildRequest): number | null {
  if (sourceDateEpoch !== undefined) return sourceDateEpoch;
  const text = buildArgs?.['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return null;
  if (!/^\d{1,12}$/.test(text))
    throw new OrlopError('invalid-argument', 'BUILD_BAD_EPOCH', `invalid SOURCE_DATE_EPOCH: ${JSON.stringify(text)}`, {
      hint: 'give seconds since 1970',
    });
  return Number(text);
}

function planOptionsOf(request: BuildRequest): PlanOptions {
  const own = platformOfNodeArch(process.arch);
  const platform: Platform = request.platform === undefined || request.platform === '' ? own : parsePlatform(request.platform);
  const { sourceDateEpoch, buildArgs = {} } = request;
  return {
    ...(request.target === undefined || request.target === '' ? {} : { target: request.target }),
    buildArgs: sourceDateEpoch === undefined ? buildArgs : { SOURCE_DATE_EPOCH: String(sourceDateEpoch), ...buildArgs },
    platform,
    buildPlatform: own,
    namedContexts: Object.keys(request.namedContexts ?? {}),
  };
}

function noEpochHere(): OrlopError {
  return new OrlopError('unimplemented', 'BUILD_NO_EPOCH', 'SOURCE_DATE_EPOCH is not supported with the storage driver native', {
    hint: 'leave it out, or run the engine with --storage-driver overlay',
  });
}

function check(context: EngineContext, file: Dockerfile, planOptions: PlanOptions, ignore: IgnoreMatcher | null): BuildWarning[] {
  const settings = readCheckSettings(file, planOptions.buildArgs);
  const bases = basesHere(context, file, planOptions);
  const options: CheckOptions = { ...planOptions, settings, bases, ...(ignore === null ? {} : { ignore }) };
  const warnings = checkDockerfile(file, options);
  enforceChecks(warnings, settings);
  return warnings.map((warning) => viewOf(warning, file));
}

/** Configs of the base images that need not be fetched: of others nobody knows which variables they have. */
function basesHere({ images }: EngineContext, file: Dockerfile, options: PlanOptions): Map<string, StageConfig> {
  const everyStage = options.target === undefined;
  const configs = new Map<string, StageConfig>();
  for (const { base } of planStages(file, { ...options, everyStage }).stages) {
    if (base.kind !== 'image') continue;
    try {
      configs.set(base.reference, configOfBase(images.resolve(base.reference).config));
    } catch (error) {
      if (!isOrlopError(error)) throw error;
    }
  }
  return configs;
}

function viewOf({ rule, message, lines, url }: Warning, file: Dockerfile): BuildWarning {
  return { rule, message, lines, excerpt: formatExcerpt(file.text, [lines]), ...(url === undefined ? {} : { url }) };
}

function imageOfContext(contexts: Contexts, name: string): string {
  const reference = contexts.imageOf(name);
  if (reference !== null) return reference;
  throw new OrlopError(
    'invalid-argument',
    'BUILD_BAD_CONTEXT',
    `build context ${JSON.stringify(name)} is a directory, and a stage begins with an image`,
    {
      hint: `give it as --build-context ${name}=docker-image://IMAGE`,
    },
  );
}

function quiet(signal: AbortSignal) {
  const nothing = (): void => undefined;
  return { step: '', signal, log: nothing, progress: nothing, container: nothing };
}

interface Resolving {
  readonly images: BuildImagePorts;
  readonly signal: AbortSignal;
  readonly report: (event: BuildEvent) => void;
}

/** Base images are fetched first: they may bring instructions of their own, which may need further stages and images. */
async function planWithTriggers(file: Dockerfile, options: PlanOptions, resolving: Resolving): Promise<StagePlan> {
  const triggers = new Map<string, readonly string[]>();
  for (;;) {
    const plan = planStages(file, { ...options, triggers });
    const unknown = plan.stages.filter(({ base }) => base.kind === 'image' && !triggers.has(base.reference));
    if (unknown.length === 0) return plan;
    await Promise.all(
      unknown.map(async ({ base, platform }) => {
        if (base.kind === 'image') triggers.set(base.reference, await triggersOf(resolving, base, platform));
      }),
    );
  }
}

async function triggersOf(
  { images, signal, report }: Resolving,
  base: Extract<BaseSource, { kind: 'image' }>,
  platform: Platform,
): Promise<readonly string[]> {
  const step = `base ${base.reference}`;
  const text = `load ${base.reference}`;
  report({ type: 'start', step, text, instruction: '', stage: '', number: 0, of: 0, line: 0, lines: 0, atMs: Date.now() });
  try {
    const of = { ...quiet(signal), step, progress: (progress: Progress) => report({ type: 'progress', step, progress }) };
    const { config } = await images.base(base, platform, of);
    report({ type: 'end', step, atMs: Date.now(), cached: false, state: '' });
    return config.config?.OnBuild ?? [];
  } catch (error) {
    report({ type: 'end', step, atMs: Date.now(), cached: false, state: '', error: toOrlopError(error).message });
    throw error;
  }
}

function secretsOf({ secrets = {} }: BuildRequest): Map<string, Buffer> {
  return new Map(Object.entries(secrets).map(([id, content]) => [id, Buffer.from(content, 'base64')]));
}

/** The error with the place in the file that it is about. */
function explain(error: OrlopError, { lines, source }: Step, { text }: Dockerfile): OrlopError {
  if (error.kind === 'cancelled' || error.details?.['excerpt'] !== undefined) return error;
  const { kind, code, message, hint } = error;
  const details = { ...error.details, lines, step: source, excerpt: formatExcerpt(text, [lines]) };
  return new OrlopError(kind, code, message, { ...(hint === undefined ? {} : { hint }), details, cause: error });
}
