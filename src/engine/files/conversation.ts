import { OrlopError } from '#errors';
import type { PlainError } from '#sys';
import type { PlaceOptions, WriteFilesOptions } from '#wire';
import type { SshKeys } from '../system/ssh-keys.ts';
import type { SocketRights } from './guest-socket.ts';
import type { RootOwner } from './root-verbs.ts';

/** What the process that works on the files of one container is asked, once. */
export type FileRequest = {
  readonly root: { readonly first: number; readonly count: number };
  readonly owner: RootOwner;
  readonly path: string;
} & (
  | { readonly verb: 'stat' | 'list' | 'read' | 'readContent' | 'detectInit' | 'removeSocket' }
  | { readonly verb: 'bindSocket'; readonly options: SocketRights }
  | { readonly verb: 'applyKeys'; readonly options: Omit<SshKeys, 'container'> }
  | { readonly verb: 'write'; readonly options: WriteFilesOptions }
  | { readonly verb: 'writeContent' | 'makeDirectory'; readonly options: PlaceOptions }
  | { readonly verb: 'remove'; readonly options: { readonly recursive: boolean } }
);

/** To it: a request, then for what is written data and an end. From it: data, then done or failed; `alive` in between. */
export type FileFrame =
  | { readonly type: 'request'; readonly request: FileRequest }
  | { readonly type: 'data'; readonly data: Buffer }
  | { readonly type: 'end' | 'alive' }
  | { readonly type: 'done'; readonly result: unknown }
  | { readonly type: 'failed'; readonly error: PlainError };

const types = ['request', 'data', 'end', 'alive', 'done', 'failed'] as const;
const headBytes = 5;
/** Data comes in smaller pieces, and nobody sends a longer list. */
const mostBytes = 256 * 1024 * 1024;

/** A type of one byte, the length of what follows (u32), and that: bytes as they are, all else as JSON. */
export function encodeFrame(frame: FileFrame): Buffer[] {
  const payload = payloadOf(frame);
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(types.indexOf(frame.type), 0);
  head.writeUInt32LE(payload.length, 1);
  return [head, payload];
}

function payloadOf(frame: FileFrame): Buffer {
  if (frame.type === 'data') return frame.data;
  if (frame.type === 'end' || frame.type === 'alive') return Buffer.alloc(0);
  return Buffer.from(JSON.stringify(frame, (_, value: unknown) => (typeof value === 'bigint' ? { bigint: String(value) } : value)));
}

/** Ends with the stream. */
export async function* decodeFrames(source: AsyncIterable<Buffer>): AsyncGenerator<FileFrame> {
  let rest: Buffer[] = [];
  let held = 0;
  for await (const piece of source) {
    rest.push(piece);
    held += piece.length;
    while (held >= headBytes) {
      const all = rest.length === 1 && rest[0] !== undefined ? rest[0] : Buffer.concat(rest);
      rest = [all];
      const length = all.readUInt32LE(1);
      if (length > mostBytes) throw new OrlopError('internal', 'ENGINE_FILE_FRAME', `a frame of ${length} bytes makes no sense`);
      if (held < headBytes + length) break;
      yield frameOf(all[0] ?? 0, all.subarray(headBytes, headBytes + length));
      rest = [all.subarray(headBytes + length)];
      held -= headBytes + length;
    }
  }
}

function frameOf(type: number, payload: Buffer): FileFrame {
  const name = types[type];
  if (name === 'data') return { type: name, data: payload };
  if (name === 'end' || name === 'alive') return { type: name };
  return JSON.parse(payload.toString(), (_, value: unknown) => (isBigint(value) ? BigInt(value.bigint) : value)) as FileFrame;
}

function isBigint(value: unknown): value is { readonly bigint: string } {
  return typeof value === 'object' && value !== null && 'bigint' in value && typeof value.bigint === 'string';
}
