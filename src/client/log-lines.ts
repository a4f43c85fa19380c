import type { Frame } from '#wire';

/** A line of a container's output. */
export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  /** Without its end. Bytes that are not UTF-8 become U+FFFD. */
  readonly text: string;
  /** When it was written; where times were asked for. */
  readonly time?: Date;
}

/** A longer line comes in pieces, so that one without an end cannot fill the memory. */
const longestLine = 1024 * 1024;

/** RFC 3339 with nanoseconds, and a space, as the engine puts it before what was written at once. */
const stamp = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) /;

/** Output as lines, each stream's in its order; `stamped`: the engine was asked for times. A last line without its end counts. */
export async function* readLogLines(frames: AsyncIterable<Frame>, stamped: boolean): AsyncGenerator<LogLine> {
  const sides = { stdout: createSide('stdout', stamped), stderr: createSide('stderr', stamped) };
  for await (const { stream, data } of frames) yield* sides[stream === 'stderr' ? 'stderr' : 'stdout'].push(data);
  yield* sides.stdout.end();
  yield* sides.stderr.end();
}

interface Side {
  push(data: Uint8Array): Generator<LogLine>;
  end(): Generator<LogLine>;
}

function createSide(stream: LogLine['stream'], stamped: boolean): Side {
  const decoder = new TextDecoder();
  let rest = '';
  let time: Date | undefined;
  const lineOf = (text: string): LogLine => {
    const line = { stream, text: text.endsWith('\r') ? text.slice(0, -1) : text, ...(time === undefined ? {} : { time }) };
    time = undefined;
    return line;
  };
  /** Takes the time off what begins a line, or goes on with one that was written in pieces. */
  const unstamp = (text: string): string => {
    const found = stamped ? stamp.exec(text) : null;
    if (found === null) return text;
    time ??= new Date(found[1] ?? '');
    return text.slice(found[0].length);
  };
  return {
    *push(data) {
      const [first = '', ...others] = decoder.decode(data, { stream: true }).split('\n');
      rest += unstamp(first);
      for (const next of others) {
        yield lineOf(rest);
        rest = unstamp(next);
      }
      if (rest.length < longestLine) return;
      yield lineOf(rest);
      rest = '';
    },
    *end() {
      rest += decoder.decode();
      if (rest !== '') yield lineOf(rest);
      rest = '';
    },
  };
}
