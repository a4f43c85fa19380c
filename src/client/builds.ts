import { OrlopError } from '#errors';
import {
  type BuildBody,
  type BuildCacheView,
  type BuildEvent,
  type BuildLine,
  type BuildPruneOptions,
  type BuildRecordView,
  type BuildResult,
  createFrameDecoder,
  encodeBuildBody,
  parseErrorBody,
  type Pruned,
  type SentContext,
} from '#wire';
import { readJson, readText } from './answers.ts';
import { promiseWithResolvers } from './promise-with-resolvers.ts';
import type { Transport } from './transport/transport.ts';

export interface FollowedBuild {
  /** The main context, when the request says that it is sent; then the named ones that are, in order. */
  readonly contexts?: readonly SentContext[];
  readonly onEvent?: (event: BuildEvent) => void;
  /** Takes what the build hands out, in pieces. */
  readonly onOutput?: (chunk: Uint8Array) => Promise<void> | void;
  readonly signal?: AbortSignal;
}

export interface BuildsClient {
  /** Follows a build to its end. Its error has in `details` where it happened: `lines`, `excerpt`, `exitCode`. */
  build(body: BuildBody, options?: FollowedBuild): Promise<BuildResult>;
  history(): Promise<BuildRecordView[]>;
  /** `all`: every one. */
  forget(options: { readonly ids?: readonly string[]; readonly all?: boolean }): Promise<void>;
  cache(): Promise<BuildCacheView[]>;
  prune(options: BuildPruneOptions): Promise<Pruned>;
}

export function createBuildsClient(transport: Transport): BuildsClient {
  return {
    build: (body, options = {}) => follow(transport, body, options),
    history: async () =>
      (await readJson<{ builds: BuildRecordView[] }>(await transport.request({ method: 'GET', path: '/orlop/v1/builds' }))).builds,
    forget: async ({ ids, all }) =>
      void (await readText(await transport.request({ method: 'DELETE', path: '/orlop/v1/builds', query: { id: ids, all } }))),
    cache: async () =>
      (await readJson<{ cache: BuildCacheView[] }>(await transport.request({ method: 'GET', path: '/orlop/v1/build-cache' }))).cache,
    prune: async (options) =>
      readJson<Pruned>(await transport.request({ method: 'POST', path: '/orlop/v1/build-cache/prune', json: options })),
  };
}

async function follow(
  transport: Transport,
  body: BuildBody,
  { contexts = [], onEvent, onOutput, signal }: FollowedBuild,
): Promise<BuildResult> {
  const wishes = createWishes();
  try {
    const answer = await transport.request({
      method: 'POST',
      path: '/orlop/v2/build',
      upload: encodeBuildBody(body, contexts, wishes.wanted),
      ...(signal === undefined ? {} : { signal }),
    });
    for await (const line of readLines(answer.body, onOutput)) {
      if ('want' in line) wishes.tell(line.want);
      else if ('event' in line) onEvent?.(line.event);
      else if ('result' in line) return line.result;
      else throw failureOf(line.error);
    }
  } finally {
    wishes.giveUp();
  }
  throw new OrlopError('data-loss', 'CLIENT_NO_RESULT', 'the engine ended the build without a result');
}

async function* readLines(answer: AsyncIterable<Uint8Array>, onOutput: FollowedBuild['onOutput']): AsyncGenerator<BuildLine> {
  const frames = createFrameDecoder();
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of answer) {
    for (const { stream, data } of frames.push(chunk)) {
      if (stream === 'stderr') {
        await onOutput?.(data);
        continue;
      }
      text += decoder.decode(data, { stream: true });
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = JSON.parse(text.slice(0, end)) as BuildLine;
        text = text.slice(end + 1);
        yield line;
      }
    }
  }
}

function failureOf({ status, details, ...rest }: Extract<BuildLine, { readonly error: unknown }>['error']): OrlopError {
  const error = parseErrorBody(status, JSON.stringify(rest));
  return new OrlopError(error.kind, error.code, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(details === undefined ? {} : { details }),
  });
}

/** What the engine wants of contexts that were offered. */
interface Wishes {
  /** null once the build is over. */
  wanted(context: number): Promise<readonly number[] | null>;
  tell(want: Extract<BuildLine, { readonly want: unknown }>['want']): void;
  giveUp(): void;
}

function createWishes(): Wishes {
  const told = new Map<number, PromiseWithResolvers<readonly number[] | null>>();
  let isOver = false;
  const of = (context: number): PromiseWithResolvers<readonly number[] | null> => {
    const wish = told.get(context) ?? promiseWithResolvers<readonly number[] | null>();
    told.set(context, wish);
    return wish;
  };
  return {
    wanted: (context) => (isOver ? Promise.resolve(null) : of(context).promise),
    tell: ({ context, files }) => of(context).resolve(files),
    giveUp() {
      isOver = true;
      for (const wish of told.values()) wish.resolve(null);
    },
  };
}
