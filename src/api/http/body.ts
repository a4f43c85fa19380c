import { OrlopError } from '#errors';

/** Larger than any create request that a person or a tool makes. */
export const maximumJsonBytes = 4 * 1024 * 1024;

/** All of a body as JSON; undefined when it is empty. invalid-argument when it is too long or not JSON. */
export async function readJson(source: AsyncIterable<Uint8Array>, maximumBytes = maximumJsonBytes): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > maximumBytes)
      throw new OrlopError('invalid-argument', 'HTTP_BODY_TOO_LONG', `the request body is longer than ${maximumBytes} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OrlopError('invalid-argument', 'HTTP_BAD_JSON', `invalid JSON: ${(cause as Error).message}`, { cause });
  }
}
