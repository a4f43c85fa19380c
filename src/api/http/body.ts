import { OrlopError } from '#errors';
import { describeJsonError } from './json-error.ts';

/** Larger than any create request that a person or a tool makes. */
const maximumJsonBytes = 4 * 1024 * 1024;
/** How long a client may take to send one. */
const maximumJsonMs = 60_000;

export interface BodyLimits {
  readonly bytes: number;
  readonly ms: number;
}

/** All of a body as JSON; undefined when it is empty. invalid-argument when it is too long or not JSON, deadline-exceeded when it takes too long to come. */
export async function readJson(
  source: AsyncIterable<Uint8Array>,
  { bytes, ms }: BodyLimits = { bytes: maximumJsonBytes, ms: maximumJsonMs },
): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of withDeadline(source, ms)) {
    length += chunk.length;
    if (length > bytes) throw new OrlopError('invalid-argument', 'HTTP_BODY_TOO_LONG', `the request body is longer than ${bytes} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const words = describeJsonError(text) ?? (cause as Error).message;
    throw new OrlopError('invalid-argument', 'HTTP_BAD_JSON', words.startsWith('unexpected content') ? words : `invalid JSON: ${words}`, {
      cause,
    });
  }
}

async function* withDeadline(source: AsyncIterable<Uint8Array>, ms: number): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined);
  const timer = setTimeout(
    () => late.reject(new OrlopError('deadline-exceeded', 'HTTP_BODY_SLOW', `the request body did not come within ${ms / 1000} s`)),
    ms,
  );
  try {
    for (;;) {
      const { value, done } = await Promise.race([iterator.next(), late.promise]);
      if (done === true) return;
      yield value;
    }
  } finally {
    clearTimeout(timer);
  }
}
