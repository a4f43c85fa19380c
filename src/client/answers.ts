import { OrlopError } from '#errors';
import { type DockerProgress, parseErrorBody } from '#wire';
import { collect, type Answer } from './transport/transport.ts';

/** All of an answer as JSON, trusted to be what the route promises. */
export async function readJson<Value>(answer: Answer): Promise<Value> {
  return parse<Value>(await collect(answer.body));
}

export async function readText(answer: Answer): Promise<string> {
  return collect(answer.body);
}

/** One value a line; lines may be split anywhere. A last line without its end counts. */
export async function* readLines<Value>(body: AsyncIterable<Buffer>): AsyncGenerator<Value> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of body) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10)) {
      const line = bytes.toString('utf8', 0, end).trim();
      bytes = bytes.subarray(end + 1);
      if (line !== '') yield parse<Value>(line);
    }
    rest = bytes;
  }
  const last = rest.toString('utf8').trim();
  if (last !== '') yield parse<Value>(last);
}

/** A stream whose operation failed says so in a line: that one is thrown, as the engine made it. */
export function throwFailure({ error, errorBody }: DockerProgress): void {
  if (error !== undefined) throw parseErrorBody(500, JSON.stringify(errorBody ?? { message: error }));
}

function parse<Value>(text: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch (cause) {
    throw new OrlopError('internal', 'CLIENT_BAD_JSON', 'the engine answered with something that is not JSON', { cause });
  }
}
