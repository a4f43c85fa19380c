import { Duplex } from 'node:stream';
import type { BuildCacheView, BuildPruneOptions, BuildResult, ToldEvent } from '#wire';
import { workersOf } from './engine-facts.ts';
import { type GrpcCall, type GrpcMethod, streamed, unary } from './grpc/serve.ts';
import {
  diskUsageRequestType,
  diskUsageResponseType,
  emptyType,
  infoResponseType,
  listWorkersRequestType,
  listWorkersResponseType,
  type PruneRequest,
  pruneRequestType,
  solveRequestType,
  type SolveRequest,
  solveResponseType,
  type Status,
  statusRequestType,
  statusType,
  timestampOf,
  usageRecordType,
} from './messages/control.ts';
import { historyMethods } from './history.ts';
import { pieceType } from './messages/session.ts';
import { refused } from './solve/attributes.ts';
import type { Job, Jobs } from './solve/jobs.ts';
import type { BuildParts } from './solve/run-build.ts';
import { createProgress } from './solve/progress.ts';
import { solveJob } from './solve/solve-job.ts';

const service = '/moby.buildkit.v1.Control';

/** moby.buildkit.v1.Control, by path: what clients of BuildKit ask an engine for. */
export function controlMethods(parts: BuildParts, jobs: Jobs): [string, GrpcMethod][] {
  const { builds } = parts.backend;
  const workers = workersOf(parts.version);
  const followed = new WeakSet<Job>();
  return [
    [`${service}/Info`, unary(emptyType, infoResponseType, () => ({ version: workers[0]?.version }))],
    [`${service}/ListWorkers`, unary(listWorkersRequestType, listWorkersResponseType, () => ({ record: workers }))],
    [
      `${service}/Solve`,
      unary(solveRequestType, solveResponseType, async (request, { signal }) => {
        // Begun first, so that nobody waits for it who hears of it by its name.
        using begun = jobs.begin(request, signal);
        const { job } = begun;
        refuseOthers(request);
        if (request.frontend === '') await job.returned;
        else await solveJob(parts, job, request);
        return { exporterResponse: responseOf(job.result()) };
      }),
    ],
    [`${service}/Session`, (call) => carrySession(parts, call)],
    ...historyMethods(parts.backend),
    [
      `${service}/Status`,
      streamed(statusRequestType, statusType, async function* ({ ref }, { signal }) {
        const known = jobs.peek(ref);
        // Whoever follows a build takes what it tells: another one is told what is kept.
        const told = known === undefined || followed.has(known) ? builds.told(ref) : null;
        if (told !== null) return yield* statusesOf(ref, told);
        const job = known ?? (await jobs.find(ref, signal));
        followed.add(job);
        yield* job.status.follow(signal);
      }),
    ],
    [
      `${service}/DiskUsage`,
      unary(diskUsageRequestType, diskUsageResponseType, async ({ filter }) => {
        const { ids, types } = filterOf(filter);
        const wanted = (list: readonly string[], value: string): boolean => list.length === 0 || list.includes(value);
        return { record: (await builds.cache()).filter(({ id, type }) => wanted(ids, id) && wanted(types, type)).map(recordOf) };
      }),
    ],
    [
      `${service}/Prune`,
      streamed(pruneRequestType, usageRecordType, async function* (request) {
        const before = new Map((await builds.cache()).map((view) => [view.id, view]));
        const { removed } = await builds.prune(pruneOptionsOf(request));
        for (const id of removed) {
          const view = before.get(id);
          yield view === undefined ? { id } : recordOf(view);
        }
      }),
    ],
  ];
}

/** What a build told that is over, as its client was told then. */
function* statusesOf(ref: string, told: readonly ToldEvent[]): Generator<Status> {
  const toStatus = createProgress(ref);
  for (const { event, atMs } of told) {
    const status = toStatus(event, atMs);
    if (status !== null) yield status;
  }
}

/** A session inside a call: each message has some bytes of its connection. Lasts until either end goes. */
async function carrySession({ sessions }: BuildParts, call: GrpcCall): Promise<void> {
  const carrier = carrierOf(call);
  const { services } = sessions.accept(call.metadata, () => carrier);
  const end = (): void => services.close();
  call.signal.addEventListener('abort', end, { once: true });
  if (!services.closed.aborted) await new Promise((resolve) => services.closed.addEventListener('abort', resolve, { once: true }));
}

function carrierOf({ messages, send }: GrpcCall): Duplex {
  const incoming = messages[Symbol.asyncIterator]();
  const carrier = new Duplex({
    read() {
      incoming.next().then(
        ({ value, done }) => carrier.push(done === true ? null : pieceType.decode(value).data),
        (error: unknown) => carrier.destroy(error as Error),
      );
    },
    write(chunk: Buffer, _encoding, done) {
      const sent = send(pieceType.encode({ data: chunk }));
      void sent.finally(() => done());
    },
  });
  return carrier.on('error', () => undefined);
}

/** Graphs and what else a build here cannot do otherwise. */
function refuseOthers({ definition, inputs, sourcePolicy, cache }: SolveRequest): void {
  if ((definition?.def.length ?? 0) > 0 || Object.keys(inputs).length > 0)
    throw refused('a build given as a graph (LLB)', 'give a Dockerfile');
  if (sourcePolicy.length > 0) throw refused('a source policy', 'leave it out');
  if (cache !== undefined && cache.exportRef !== '') throw refused('--cache-to by an old field', 'give type=registry,ref=…');
}

/** As an engine with its own images answers: their id stands for the manifest, too. */
function responseOf(result: BuildResult | null): Record<string, string> {
  if (result === null || result.id === '') return {};
  const names = result.names.length === 0 ? {} : { 'image.name': result.names.join(',') };
  return { 'containerimage.digest': result.id, 'containerimage.config.digest': result.id, ...names };
}

function recordOf(view: BuildCacheView): Parameters<typeof usageRecordType.encode>[0] {
  return {
    id: view.id,
    mutable: view.type === 'exec.cachemount',
    inUse: view.inUse,
    size: view.sizeBytes,
    createdAt: timestampOf(view.createdMs),
    lastUsedAt: timestampOf(view.usedMs),
    usageCount: view.uses,
    description: view.description,
    recordType: view.type,
    shared: view.shared,
  };
}

/** `id==x`, `type~=y`: as docker's own filters of builds, by what is exactly so. */
function filterOf(filter: readonly string[]): { readonly ids: string[]; readonly types: string[] } {
  const given = filter.flatMap((line) => line.split(',')).filter((one) => one !== '');
  const wanted = (name: string): string[] => given.flatMap((one) => new RegExp(`^${name}[=~]?=(.*)$`).exec(one)?.[1] ?? []);
  const [ids, types] = [wanted('id'), wanted('type')];
  if (ids.length + types.length !== given.length) throw refused(`the filter ${JSON.stringify(given)}`, 'filter by id, type or until');
  return { ids, types };
}

function pruneOptionsOf({ all, filter, keepDurationNs, reservedSpace, maxUsedSpace, minFreeSpace }: PruneRequest): BuildPruneOptions {
  if (maxUsedSpace > 0 || minFreeSpace > 0) throw refused('--max-used-space and --min-free-space', 'give --reserved-space');
  const { ids, types } = filterOf(filter);
  return {
    all,
    ...(keepDurationNs > 0 ? { usedBeforeMs: Date.now() - keepDurationNs / 1_000_000 } : {}),
    ...(reservedSpace > 0 ? { keepBytes: reservedSpace } : {}),
    ...(ids.length === 0 ? {} : { ids }),
    ...(types.length === 0 ? {} : { types }),
  };
}
