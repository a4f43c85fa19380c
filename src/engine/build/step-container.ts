import { StringDecoder } from 'node:string_decoder';
import type { NewLayer } from '#build';
import { OrlopError } from '#errors';
import type { ChainId, Lease } from '#store';
import { createFrameDecoder, type CreateRequest, type StreamName } from '#wire';
import { attachContainer } from '../attach.ts';
import { mountPoints } from '../container/changes.ts';
import { createLive } from '../container/live.ts';
import { createContainerId, createName } from '../container/names.ts';
import { formatRecord, initialState, type ContainerRecord, type EffectiveProcess } from '../container/record.ts';
import { removeContainer } from '../container/remove.ts';
import { startContainer } from '../container/start.ts';
import { waitFor } from '../container/wait.ts';
import { nowNs, publishContainerEvent, type EngineContext } from '../context.ts';
import type { ContainerId } from '../model.ts';
import { knownPlaces, planNetworks } from '../network/mode.ts';
import { reservePlaces } from '../network/places.ts';
import { takeLayer } from './take-layer.ts';
import type { ResolvedMount } from '../volume/resolved-mount.ts';

/** A process that is run on top of a chain, and whose changes become a layer. */
export interface StepRequest {
  /** What it stands on, as clients are shown it. */
  readonly imageName: string;
  readonly chain: ChainId | null;
  readonly process: EffectiveProcess;
  readonly request: CreateRequest;
  readonly mounts: readonly ResolvedMount[];
  /** `NAME=value`, written down nowhere. */
  readonly hiddenEnv: readonly string[];
  /** Its container is to stay (`keepStep`). */
  readonly stays: boolean;
}

export interface StepRun {
  readonly signal: AbortSignal;
  readonly onContainer: (id: string) => void;
  readonly onOutput: (stream: 'stdout' | 'stderr', text: string) => void;
}

export interface EndedStep {
  readonly id: ContainerId;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
}

/** The name of every step's machine: what it tells of itself is the same in each build. */
const hostname = 'buildkitsandbox';

/** Makes a step's container; it is not started. `removeStep` takes it away, whatever became of it. */
export async function createStep(context: EngineContext, step: StepRequest): Promise<ContainerId> {
  const { request, chain } = step;
  const networks = planNetworks(
    request,
    knownPlaces(context.networks, (ref) => context.table.find(ref).record.id),
  );
  const id = createContainerId();
  const record: ContainerRecord = {
    id,
    name: createName((name) => context.table.holderOf(name) !== undefined),
    kind: 'app',
    createdAtNs: nowNs(),
    request: { ...request, image: step.imageName },
    image: { name: step.imageName, id: '', manifest: '' as ContainerRecord['image']['manifest'], chain },
    process: step.process,
    hostname: networks.mode === 'host' ? context.hostname : hostname,
    labels: {},
    exposedPorts: [],
    network: networks.mode,
    mounts: step.mounts,
    ports: [],
    state: initialState,
    run: null,
    isStep: true,
    ...(step.stays ? { stays: true } : {}),
  };
  await context.queues.run(id, async () => {
    await using undo = new AsyncDisposableStack();
    const { containers } = context.store.metadata;
    containers.insert({
      id,
      name: record.name,
      kind: 'app',
      createdNs: record.createdAtNs,
      image: null,
      chain,
      record: formatRecord(record),
    });
    undo.defer(() => void containers.remove(id));
    const container = createLive(context.dataRoot, record);
    container.hiddenEnv = step.hiddenEnv;
    context.table.add(container);
    undo.defer(() => context.table.drop(id));
    await context.store.snapshots.prepare(id, chain);
    undo.defer(async () => void (await context.store.snapshots.remove(id)));
    await reservePlaces(context, record, networks.places);
    undo.move();
    publishContainerEvent(context, container, 'create');
  });
  return id;
}

/** Starts a step and waits for its end; all of its output has been told by then. Cancelled: the caller removes it, which kills it. */
export async function runStep(context: EngineContext, id: ContainerId, { signal, onOutput, onContainer }: StepRun): Promise<EndedStep> {
  const { stream } = await attachContainer(context, id, { stdin: false, stdout: true, stderr: true });
  stream.on('error', () => undefined);
  const drained = tellOutput(stream, onOutput);
  onContainer(id);
  const ended = waitFor(context, id, 'next-exit', signal);
  ended.catch(() => undefined);
  try {
    await startContainer(context, id);
    const { exitCode } = await ended;
    await drained;
    return { id, exitCode, outOfMemory: context.table.get(id)?.record.state.outOfMemory ?? false };
  } catch (error) {
    stream.destroy();
    throw signal.aborted ? new OrlopError('cancelled', 'BUILD_CANCELLED', 'the build was cancelled', { cause: error }) : error;
  }
}

async function tellOutput(stream: AsyncIterable<Uint8Array>, onOutput: StepRun['onOutput']): Promise<void> {
  const decoder = createFrameDecoder();
  const texts: Record<StreamName, StringDecoder> = { stdin: new StringDecoder(), stdout: new StringDecoder(), stderr: new StringDecoder() };
  const tell = (name: StreamName, text: string): void => {
    if (text !== '' && name !== 'stdin') onOutput(name, text);
  };
  try {
    for await (const chunk of stream) {
      for (const { stream: name, data } of decoder.push(chunk)) tell(name, texts[name].write(Buffer.from(data)));
    }
  } catch (error) {
    // A step that is given up takes its output with it.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE' && error instanceof OrlopError) throw error;
  }
  for (const name of ['stdout', 'stderr'] as const) tell(name, texts[name].end());
}

/** What an ended step has changed, as a layer that the lease holds; null: nothing. */
export async function adoptStep(
  context: EngineContext,
  lease: Lease,
  { id }: EndedStep,
  options: { readonly latestNs?: bigint; readonly signal: AbortSignal },
): Promise<NewLayer | null> {
  return context.queues.run(id, async () => {
    const { record } = context.table.find(id);
    const stubs = [...mountPoints, ...record.mounts.map(({ target }) => target), ...Object.keys(record.request.tmpfs ?? {})];
    return takeLayer(context, lease, { id, chain: record.image.chain }, { stubs, ...options });
  });
}

/** Makes an ordinary container of an ended step. `chain`: what it stands on from now on, where its changes were taken as a layer; absent: they are its own. */
export async function keepStep(context: EngineContext, id: ContainerId, chain?: ChainId | null): Promise<void> {
  await context.queues.run(id, async () => {
    const container = context.table.find(id);
    const { snapshots, metadata } = context.store;
    const { isStep: _, ...record } = container.record;
    // What was mounted was the build's.
    const kept = { ...record, mounts: [], image: { ...record.image, chain: chain === undefined ? record.image.chain : chain } };
    if (chain !== undefined) {
      await snapshots.remove(id);
      await snapshots.prepare(id, chain);
    }
    metadata.containers.update(id, { chain: kept.image.chain, record: formatRecord(kept) });
    container.record = kept;
    container.hiddenEnv = [];
  });
}

/** Takes a step's container away, killed if need be. One that is gone is fine. */
export async function removeStep(context: EngineContext, id: ContainerId): Promise<void> {
  if (context.table.get(id) === undefined) return;
  await removeContainer(context, id, { force: true });
}

/** Steps of builds that an earlier engine did not bring to an end: nobody waits for them. */
export async function removeUnfinishedSteps(context: EngineContext): Promise<void> {
  const steps = context.table.all().filter(({ record }) => record.isStep === true);
  await Promise.all(
    steps.map(({ record }) =>
      removeStep(context, record.id).catch((error: unknown) =>
        context.logger.warn('a step of a build that was cut off could not be removed', { container: record.name, error }),
      ),
    ),
  );
}
