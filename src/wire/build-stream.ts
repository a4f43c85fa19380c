import { OrlopError } from '#errors';
import { createFrameDecoder, encodeFrame, type Frame, type StreamName } from './frames.ts';
import type { BuildEvent, BuildRequest, BuildResult } from './build.ts';
import type { ErrorBody } from './error-body.ts';
import { decodeOfferedFiles, decodePositions, encodeOfferedFiles, encodePositions, type Offer, type OfferedContext } from './offers.ts';
import type { RegistryLogin } from './registry.ts';

/**
 * Body of `POST /orlop/v2/build`: Docker's frames. Those of the first stream are the request, JSON. Those of the other two are contexts, one tar after the other: the main one, if there is one, then
 * the named ones that are sent, in order; each change between the two streams begins the next tar. A context that is offered is a list of its files first; then the answer says which of
 * them are wanted, and these follow as a tar. The answer has lines of JSON on the second stream, and on the third the archive that was asked for.
 */
export const buildStreamType = 'application/vnd.orlop.build-stream';

export interface BuildBody {
  readonly request: BuildRequest;
  /** By registry. */
  readonly logins?: Readonly<Record<string, RegistryLogin>>;
  readonly id?: string;
  /** Of each context that follows; null, or past the end: it is a tar. */
  readonly offers?: readonly (Offer | null)[];
}

/** One line of the answer. The last one has the result or the error. */
export type BuildLine =
  | { readonly event: BuildEvent }
  /** Of the context that was offered at this place: positions of files (`encodePositions`). */
  | { readonly want: { readonly context: number; readonly files: readonly number[] } }
  | { readonly result: BuildResult }
  | { readonly error: { readonly status: number; readonly details?: Readonly<Record<string, unknown>> } & ErrorBody };

const contextStreams: readonly StreamName[] = ['stdout', 'stderr'];
/** A request holds secrets, a Dockerfile, and little else. */
const longestRequest = 64 * 1024 * 1024;

export type SentContext = AsyncIterable<Uint8Array> | OfferedContext;

/** The body: the request, then each context as it is read. `wanted` resolves with what the engine's answer says of the context at this place; null: it says nothing more. */
export async function* encodeBuildBody(
  body: BuildBody,
  contexts: readonly SentContext[],
  wanted: (context: number) => Promise<readonly number[] | null>,
): AsyncGenerator<Uint8Array> {
  const offers = contexts.map((context) => ('list' in context ? { key: context.key, name: context.name } : null));
  yield encodeFrame('stdin', new TextEncoder().encode(JSON.stringify({ ...body, offers } satisfies BuildBody)));
  for (const [index, context] of contexts.entries()) {
    const stream = contextStreams[index % 2] ?? 'stdout';
    const pieces = 'list' in context ? encodeOffered(context, () => wanted(index)) : context;
    for await (const chunk of pieces) if (chunk.length > 0) yield encodeFrame(stream, chunk);
  }
}

async function* encodeOffered(context: OfferedContext, asked: () => Promise<readonly number[] | null>): AsyncGenerator<Uint8Array> {
  const told = yield* encodeOfferedFiles(context.list());
  const wanted = await asked();
  if (wanted !== null) yield* context.take(decodePositions(wanted, told));
}

export interface ReceivedBuild {
  readonly body: BuildBody;
  /** The contexts in the order in which they were sent; each must be read before the next. `ask` has to get its line to the client. */
  readonly nextContext: (ask: (line: BuildLine) => void) => SentContext;
}

/** Reads the request of such a body and leaves the contexts to be read. Invalid-argument when it is none. */
export async function decodeBuildBody(source: AsyncIterable<Uint8Array>): Promise<ReceivedBuild> {
  const frames = readFrames(source)[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let length = 0;
  let held: Frame | null = null;
  const next = async (): Promise<Frame | null> => {
    const { value, done } = await frames.next();
    return done === true ? null : value;
  };
  for (held = await next(); held !== null && held.stream === 'stdin'; held = await next()) {
    // A frame's bytes are only good until the next is asked for.
    parts.push(held.data.slice());
    length += held.data.length;
    if (length > longestRequest) throw bad('its request is too long');
  }
  const body = parseBody(parts);
  let sent = 0;
  const bytesOf = async function* (stream: StreamName | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    for (; held !== null && held.stream === stream; held = await next()) yield held.data;
  };
  return {
    body,
    nextContext(ask) {
      const index = sent++;
      const bytes = bytesOf(contextStreams[index % 2]);
      const offer = body.offers?.[index] ?? null;
      if (offer === null) return bytes;
      return {
        ...offer,
        list: () => decodeOfferedFiles(bytes),
        take(wanted) {
          ask({ want: { context: index, files: encodePositions(wanted) } });
          return bytes;
        },
      };
    },
  };
}

async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const decoder = createFrameDecoder();
  for await (const chunk of source) yield* decoder.push(chunk);
  decoder.end();
}

function parseBody(parts: readonly Uint8Array[]): BuildBody {
  const decoder = new TextDecoder();
  const text = parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode();
  try {
    const body = JSON.parse(text) as BuildBody;
    if (typeof body === 'object' && body !== null && typeof body.request === 'object' && body.request !== null) return body;
  } catch {
    // What it says may be secret: it is not repeated.
  }
  throw bad('it does not begin with a request');
}

function bad(why: string): OrlopError {
  return new OrlopError('invalid-argument', 'WIRE_BAD_BUILD', `the body is not a build: ${why}`);
}
