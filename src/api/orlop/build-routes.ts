import { OrlopError, toOrlopError } from '#errors';
import { createPieceQueue, type Exchange, formatErrorAnswer, type Route } from '#api/http';
import {
  type BuildCacheView,
  type BuildEvent,
  type BuildLine,
  type BuildPruneOptions,
  type BuildRecordView,
  type BuildRequest,
  type BuildResult,
  buildStreamType,
  decodeBuildBody,
  encodeFrame,
  type Pruned,
  type ReceivedBuild,
  type RegistryLogin,
  type SentContext,
} from '#wire';

/** What Orlop's own routes of builds need of the engine. */
export interface BuildBackend {
  readonly builds: {
    build(
      request: BuildRequest,
      options: {
        readonly id?: string;
        readonly context?: SentContext;
        readonly contexts?: ReadonlyMap<number, SentContext>;
        readonly logins?: Readonly<Record<string, RegistryLogin>>;
        readonly report: (event: BuildEvent) => void;
        readonly output?: (archive: AsyncIterable<Uint8Array>) => Promise<void>;
        readonly signal: AbortSignal;
      },
    ): Promise<BuildResult>;
    history(): BuildRecordView[];
    forget(ids: readonly string[]): void;
    cache(): Promise<BuildCacheView[]>;
    prune(options: BuildPruneOptions): Promise<Pruned>;
  };
}

/** `/orlop/v1/build`, `/orlop/v1/builds`, `/orlop/v1/build-cache` */
export function orlopBuildRoutes({ builds }: BuildBackend): Route[] {
  return [
    { method: 'POST', path: '/orlop/v2/build', handle: (exchange) => build(builds, exchange) },
    { method: 'GET', path: '/orlop/v1/builds', handle: (exchange) => exchange.json(200, { builds: builds.history() }) },
    {
      method: 'DELETE',
      path: '/orlop/v1/builds',
      handle(exchange) {
        const ids = exchange.query.all('id');
        builds.forget(exchange.query.flag('all') ? builds.history().map(({ id }) => id) : ids);
        exchange.empty(204);
      },
    },
    { method: 'GET', path: '/orlop/v1/build-cache', handle: async (exchange) => exchange.json(200, { cache: await builds.cache() }) },
    { method: 'POST', path: '/orlop/v1/build-cache/prune', handle: (exchange) => prune(builds, exchange) },
  ];
}

/** Answers with frames: lines of JSON, and the archive that the build hands out. */
async function build(builds: BuildBackend['builds'], exchange: Exchange): Promise<void> {
  const received = await decodeBuildBody(exchange.body);
  const { request, logins, id } = received.body;
  const out = exchange.stream(200, buildStreamType);
  const frame = (line: BuildLine): Uint8Array => encodeFrame('stdout', Buffer.from(`${JSON.stringify(line)}\n`));
  const queue = createPieceQueue(
    () => out,
    () => frame({ event: { type: 'notice', text: '[output clipped: it comes faster than it is read]' } }),
  );
  const send = (line: BuildLine): void => queue.send(frame(line), { droppable: 'event' in line && line.event.type === 'log' });
  try {
    const result = await builds.build(request, {
      ...(id === undefined ? {} : { id }),
      ...(logins === undefined ? {} : { logins }),
      ...contextsOf(received, send),
      report: (event) => send({ event }),
      signal: exchange.signal,
      async output(archive) {
        await queue.settled();
        for await (const chunk of archive) await out.write(encodeFrame('stderr', chunk));
      },
    });
    send({ result });
  } catch (thrown) {
    const error = toOrlopError(thrown);
    const { status, body } = formatErrorAnswer(error);
    send({ error: { status, ...body, ...(error.details === undefined ? {} : { details: error.details }) } });
  }
  await queue.settled();
}

function contextsOf(
  { body, nextContext }: ReceivedBuild,
  ask: (line: BuildLine) => void,
): { context?: SentContext; contexts: Map<number, SentContext> } {
  const { contextSent = false, namedContexts = {} } = body.request;
  const main = contextSent ? { context: nextContext(ask) } : {};
  const contexts = new Map<number, SentContext>();
  for (const source of Object.values(namedContexts)) if (source.kind === 'sent') contexts.set(source.stream, nextContext(ask));
  return { ...main, contexts };
}

async function prune(builds: BuildBackend['builds'], exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  const number = (key: string): number | undefined => (body.raw(key) === undefined ? undefined : body.integer(key));
  const [usedBeforeMs, keepBytes] = [number('usedBeforeMs'), number('keepBytes')];
  const [ids, types] = [body.texts('ids'), body.texts('types')];
  if (keepBytes !== undefined && keepBytes < 0)
    throw new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', 'keepBytes must not be negative');
  const options: BuildPruneOptions = {
    all: body.flag('all'),
    ...(usedBeforeMs === undefined ? {} : { usedBeforeMs }),
    ...(keepBytes === undefined ? {} : { keepBytes }),
    ...(ids === null ? {} : { ids }),
    ...(types === null ? {} : { types }),
  };
  exchange.json(200, await builds.prune(options));
}
