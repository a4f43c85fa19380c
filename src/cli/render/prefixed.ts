import { write } from '../io.ts';
import type { Output } from '../output.ts';

/** Longer lines go out in pieces. */
const longestLine = 64 * 1024;

/** Writes whole lines of one of several, each with who says it in front. */
export interface PrefixedOutput {
  push(data: Uint8Array): Promise<void>;
  /** A last line that was not ended. */
  end(): Promise<void>;
}

/** `prefix` stands before each line as it is. */
export function prefixedOutput(out: Output, prefix: string): PrefixedOutput {
  let rest: Buffer = Buffer.alloc(0);
  const say = (line: Uint8Array): Promise<void> => write(out, Buffer.concat([Buffer.from(prefix), line, Buffer.from('\n')]));
  return {
    async push(data) {
      rest = rest.length === 0 ? Buffer.from(data) : Buffer.concat([rest, data]);
      for (let end = rest.indexOf(10); end >= 0 || rest.length > longestLine; end = rest.indexOf(10)) {
        const at = end >= 0 && end <= longestLine ? end : longestLine;
        const line = rest.subarray(0, at);
        rest = rest.subarray(at === end ? at + 1 : at);
        await say(line);
      }
    },
    async end() {
      const line = rest;
      rest = Buffer.alloc(0);
      if (line.length > 0) await say(line);
    },
  };
}

/** `web1  | `, `db    | `: as wide as the longest of them. */
export function prefixesOf(names: readonly string[]): ReadonlyMap<string, string> {
  const width = Math.max(0, ...names.map((name) => name.length));
  return new Map(names.map((name) => [name, `${name.padEnd(width)} | `]));
}
