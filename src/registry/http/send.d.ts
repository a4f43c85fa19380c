import { type Agent as HttpAgent } from 'node:http';
/** A body: bytes, or a stream of known length that can be opened again. */
export type RequestBody =
  | Uint8Array
  | {
      readonly size: number;
      readonly open: () => AsyncIterable<Uint8Array>;
    };
export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly agent: HttpAgent;
  readonly stallMs: number;
  readonly signal?: AbortSignal | undefined;
}
export interface WireAnswer {
  readonly status: number;
  readonly url: URL;
  header(name: string): string | undefined;
  /** Throws `StallError` when nothing comes for too long, Node's own errors else. To be read to its end or left. */
  readonly body: AsyncGenerator<Buffer>;
  /** Lets the connection be used again when little is left, closes it else. */
  discard(): Promise<void>;
}
export declare class StallError extends Error {
  constructor(stallMs: number);
}
/** One request, one answer: no redirects, no second try. Rejects with Node's errors, `StallError` or the signal's reason. */
export declare function send(request: WireRequest): Promise<WireAnswer>;
/** All of a small body. Throws RangeError when it is longer than `maxBytes`. */
export declare function collect(answer: WireAnswer, maxBytes: number): Promise<Buffer>;
/** The beginning of a body, for an error's text. */
export declare function collectSome(answer: WireAnswer): Promise<string>;
