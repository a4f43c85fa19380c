import { type Executor, type NewLayer, type Root, type RunStep, selectSources, digestSelected, type Work, type StageConfig } from '#build';
import { OrlopError } from '#errors';
import type { Lease } from '#store';
import type { BuildClient, BuildRequest, CreateRequest } from '#wire';
import { mergeEnvironment } from '../container/effective.ts';
import type { EngineContext } from '../context.ts';
import type { CacheUses } from './cache-uses.ts';
import { type Contexts, openSource } from './contexts.ts';
import { checkVolumes, makeWorkingDirectory } from './on-snapshot.ts';
import type { RemoteFiles } from './remote.ts';
import type { Scratch } from './scratch.ts';
import { adoptStep, createStep, keepStep, removeStep, runStep } from './step-container.ts';
import { openStepMounts } from './step-mounts.ts';
import { digestTransfer, transfer } from './transfer.ts';

/** One build: what its steps work with. */
export interface BuildRun {
  readonly id: string;
  readonly context: EngineContext;
  readonly request: BuildRequest;
  readonly lease: Lease;
  readonly scratch: Scratch;
  readonly contexts: Contexts;
  readonly remote: RemoteFiles;
  readonly caches: CacheUses;
  readonly secrets: ReadonlyMap<string, Buffer>;
  /** Sockets of agents by id. */
  readonly agents: ReadonlyMap<string, string>;
  /** Has further secrets and agents. */
  readonly client: BuildClient | null;
  /** A new path in memory. */
  readonly secretFile: () => string;
  /** The root of an image that a named context stands for. */
  readonly imageRoot: (reference: string) => Promise<Root>;
  /** What stages are called for clients. */
  readonly imageName: string;
  /** Nothing is younger, ns since the epoch. */
  readonly latestNs?: bigint;
  /** Keeps the root of a failed step; answers the image's id. */
  readonly keepFailed: ((layer: NewLayer | null, root: Root, config: StageConfig) => Promise<string>) | null;
  /** Removals that nobody waits for before the build's end. */
  readonly leave: (removal: Promise<void>) => void;
}

/** Steps as containers of this engine and as changes of snapshots. */
export function createExecutor(build: BuildRun): Executor {
  const digests = new Map<string, Promise<string>>();
  return {
    run: (step, work) => run(build, step, work),
    copy: (step, work) => transfer(build, step, work),
    makeDirectory: (step, work) => makeWorkingDirectory(build, step, work),
    checkVolumes: (paths, root) => checkVolumes(build, paths, root),
    putOn({ diffId, chainId }, { chain }) {
      if (chain === null) return { diffId, chainId };
      return { diffId, chainId: build.context.store.layers.alias(build.lease, chainId, { parent: chain, diffId }).chainId };
    },
    digestSources: (step, work) => digestTransfer(build, step, work),
    digestMount(from, source, work) {
      const key = JSON.stringify([from, source]);
      const digest = digests.get(key) ?? digestPart(build, from, source, work);
      digests.set(key, digest);
      return digest;
    },
  };
}

async function digestPart(build: BuildRun, from: Parameters<Executor['digestMount']>[0], source: string, work: Work): Promise<string> {
  const where = work.sources(from);
  // All of a stage is what its chain says.
  if (where.kind === 'root' && source === '/') return `chain ${where.root.chain}`;
  await using opened = await openSource(build.context, build.contexts, where, build.imageRoot);
  return await digestSelected(opened.files, selectSources(opened.files, source), { signal: work.context.signal });
}

async function run(build: BuildRun, step: RunStep, work: Work): Promise<NewLayer | null> {
  const { context, lease, latestNs } = build;
  const { signal } = work.context;
  const request = requestOf(build, step);
  await using opened = await openStepMounts(build, step, work);
  const id = await createStep(context, {
    imageName: build.imageName,
    chain: work.root.chain,
    process: {
      entrypoint: [],
      command: step.argv,
      env: mergeEnvironment([], [...step.env, ...step.proxyEnv, ...opened.env]),
      workingDirectory: step.workdir,
      user: step.user,
      stopSignal: 'SIGTERM',
    },
    request,
    mounts: opened.mounts,
    hiddenEnv: opened.hiddenEnv,
    stays: build.request.keepSteps === true,
  });
  let isKept = false;
  try {
    const ended = await runStep(context, id, { signal, onContainer: work.context.container, onOutput: work.context.log });
    const adopted = (): Promise<NewLayer | null> =>
      adoptStep(context, lease, ended, { ...(latestNs === undefined ? {} : { latestNs }), signal });
    const layer = ended.exitCode === 0 ? await adopted() : undefined;
    if (build.request.keepSteps === true) {
      await keepStep(context, id, layer === null ? work.root.chain : layer?.chainId);
      isKept = true;
    }
    if (layer !== undefined) return layer;
    const kept = build.keepFailed === null ? {} : { image: await build.keepFailed(await adopted(), work.root, step.config) };
    throw failed(step, ended, kept);
  } finally {
    const removal = isKept ? Promise.resolve() : removeStep(context, id);
    // What a step mounts of the build's stays until the step is gone; else nobody needs to wait for that.
    if (opened.mounts.length > 0) await removal;
    else build.leave(removal);
  }
}

function requestOf({ request }: BuildRun, step: RunStep): CreateRequest {
  const { limits, ulimits, shmSizeBytes, extraHosts, dns, allow = [] } = request;
  const insecure = step.security === 'insecure';
  if (insecure && !allow.includes('security.insecure')) throw notAllowed('RUN --security=insecure', 'security.insecure');
  const network = step.network === 'default' ? (request.network ?? 'default') : step.network;
  if (step.network === 'host' && request.network !== 'host' && !allow.includes('network.host'))
    throw notAllowed('RUN --network=host', 'network.host');
  return {
    kind: 'app',
    image: '',
    network,
    // Whoever builds hears what is said; it is kept nowhere else.
    logging: { driver: 'none', options: {} },
    ...(limits === undefined ? {} : { limits }),
    ...(ulimits === undefined ? {} : { ulimits }),
    ...(shmSizeBytes === undefined ? {} : { shmSizeBytes }),
    ...(extraHosts === undefined ? {} : { extraHosts }),
    ...(dns === undefined ? {} : { dns }),
    ...(insecure ? { privileged: true } : {}),
  };
}

function notAllowed(what: string, entitlement: string): OrlopError {
  return new OrlopError('permission-denied', 'BUILD_NOT_ALLOWED', `${what} needs the entitlement ${entitlement}`, {
    hint: `allow it with: --allow ${entitlement}`,
  });
}

function failed(
  step: RunStep,
  { exitCode, outOfMemory }: { readonly exitCode: number; readonly outOfMemory: boolean },
  kept: object,
): OrlopError {
  const command = step.argv.join(' ');
  const why = outOfMemory ? `it ran out of memory (exit code: ${exitCode})` : `exit code: ${exitCode}`;
  return new OrlopError(
    'failed-precondition',
    'BUILD_STEP_FAILED',
    `process ${JSON.stringify(command)} did not complete successfully: ${why}`,
    {
      details: { exitCode, command, outOfMemory, ...kept },
    },
  );
}
