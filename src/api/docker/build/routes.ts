import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import { type AnswerStream, createPieceQueue, type Exchange, type Route } from '#api/http';
import { type BuildCacheView, type BuildPruneOptions, formatTime, parseDuration, parseTime } from '#wire';
import type { BuildBackend } from './backend.ts';
import { decodeBuild, loginsOf } from './decode.ts';
import { type BuildLine, classicWords, createClassicLines, failedLine, resultLines } from './progress.ts';

/** `/build`, `/build/cancel`, `/build/prune`. `bySession` serves builds of the second version, whose clients speak BuildKit's way. */
export function buildRoutes({ builds }: BuildBackend, bySession: (exchange: Exchange) => Promise<void>): Route[] {
  return [
    {
      method: 'POST',
      path: '/build',
      handle: (exchange) => (exchange.query.text('version') === '2' ? bySession(exchange) : build(builds, exchange)),
    },
    {
      method: 'POST',
      path: '/build/cancel',
      handle(exchange) {
        builds.cancel(exchange.query.text('id'));
        exchange.empty(204);
      },
    },
    { method: 'POST', path: '/build/prune', handle: (exchange) => prune(builds, exchange) },
  ];
}

/** Answers with JSON lines as soon as there is something to tell; what fails before that has a status of its own. */
async function build(builds: BuildBackend['builds'], exchange: Exchange): Promise<void> {
  const request = decodeBuild(exchange);
  const logins = loginsOf(exchange);
  const quiet = exchange.query.flag('q');
  const id = exchange.query.text('buildid');
  let out: AnswerStream | null = null;
  const open = (): AnswerStream => (out ??= exchange.stream(200, 'application/json'));
  const textOf = (lines: readonly BuildLine[]): string => lines.map((line) => `${JSON.stringify(line)}\r\n`).join('');
  const queue = createPieceQueue(open, () => textOf([{ stream: '[output clipped: it comes faster than it is read]\n' }]));
  const send = (lines: readonly BuildLine[], droppable = false): void => {
    if (lines.length > 0) queue.send(textOf(lines), { droppable });
  };
  const classic = createClassicLines(request.keepSteps);
  try {
    const result = await builds.build(request, {
      ...(id === '' ? {} : { id }),
      ...(request.remote === undefined ? { context: exchange.body } : {}),
      logins,
      signal: exchange.signal,
      report(event) {
        const lines = classic.of(event);
        // From the first base image on, what fails is told in the stream, as Docker's builder does.
        if (event.type === 'start' && event.step !== 'context') open();
        if (!quiet) send(lines, event.type === 'log');
      },
    });
    send(quiet ? [{ stream: `${result.id}\n` }] : resultLines(result, classic.notices));
  } catch (thrown) {
    if (out === null) throw inDockersWords(toOrlopError(thrown));
    send([failedLine(thrown)]);
  }
  await queue.settled();
}

function inDockersWords(error: OrlopError): OrlopError {
  const { kind, code, details } = error;
  const { message } = classicWords(error);
  return new OrlopError(isOrlopError(error, 'not-found') && code === 'BUILD_NO_DOCKERFILE' ? 'invalid-argument' : kind, code, message, {
    cause: error,
    ...(details === undefined ? {} : { details }),
  });
}

async function prune(builds: BuildBackend['builds'], exchange: Exchange): Promise<void> {
  const { removed, freedBytes } = await builds.prune(pruneOptionsOf(exchange));
  exchange.json(200, { CachesDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: freedBytes });
}

function pruneOptionsOf({ query }: Exchange): BuildPruneOptions {
  const { until, id, type, label, 'label!': _without, ...others } = query.filters();
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new OrlopError('invalid-argument', 'DOCKER_BAD_FILTER', `invalid filter '${unknown}'`);
  for (const name of ['max-used-space', 'min-free-space']) {
    if ((query.integer(name) ?? 0) > 0)
      throw new OrlopError('unimplemented', 'DOCKER_BUILD_REFUSED', `${name}: not supported by this engine`, { hint: 'use keep-storage' });
  }
  const keep = query.integer('reserved-space') ?? query.integer('keep-storage');
  const moment = until?.[0];
  return {
    all: query.flag('all'),
    ...(moment === undefined ? {} : { usedBeforeMs: momentOf(moment) }),
    ...(keep === undefined || keep === 0 ? {} : { keepBytes: keep }),
    // Caches have no labels: clients that prune all kinds of things send the filters of all.
    ...(label === undefined ? (id === undefined ? {} : { ids: id }) : { ids: [] }),
    ...(type === undefined ? {} : { types: type }),
  };
}

/** A time, or how long ago: `24h`. */
function momentOf(text: string): number {
  const age = parseDuration(text);
  return age === null ? Number(parseTime(text) / 1_000_000n) : Date.now() - Number(age / 1_000_000n);
}

/** One of `BuildCache` in `GET /system/df`. */
export function dockerCacheOf({ id, type, description, inUse, shared, sizeBytes, createdMs, usedMs, uses }: BuildCacheView) {
  return {
    ID: id,
    Type: type,
    Description: description,
    InUse: inUse,
    Shared: shared,
    Size: sizeBytes,
    CreatedAt: formatTime(BigInt(createdMs) * 1_000_000n),
    LastUsedAt: formatTime(BigInt(usedMs) * 1_000_000n),
    UsageCount: uses,
  };
}
