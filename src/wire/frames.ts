import { OrlopError } from '#errors';

/** Docker's multiplexed stream: `{stream u8, 0, 0, 0, length u32 big endian}` and the data. Source: Docker Engine API, ContainerAttach. */
export type StreamName = 'stdin' | 'stdout' | 'stderr';

export interface Frame {
  readonly stream: StreamName;
  readonly data: Uint8Array;
}

const names: readonly StreamName[] = ['stdin', 'stdout', 'stderr'];
const headerBytes = 8;
/** No writer of ours makes larger frames; a larger length means that the bytes are not frames at all. */
const maximumFrameBytes = 64 * 1024 * 1024;

/** The eight bytes before the data of a frame. */
export function frameHeader(stream: StreamName, length: number): Uint8Array {
  const header = new Uint8Array(headerBytes);
  header[0] = names.indexOf(stream);
  new DataView(header.buffer).setUint32(4, length);
  return header;
}

export function encodeFrame(stream: StreamName, data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerBytes + data.length);
  frame.set(frameHeader(stream, data.length));
  frame.set(data, headerBytes);
  return frame;
}

export interface FrameDecoder {
  /** Hands on what the bytes complete, at once and in order; a long frame arrives in several pieces. Bad header: data-loss. */
  push(chunk: Uint8Array): Frame[];
  /** data-loss when the stream ended inside a frame. */
  end(): void;
}

/** Decodes an attached or logged stream without waiting for whole frames. */
export function createFrameDecoder(): FrameDecoder {
  const header = new Uint8Array(headerBytes);
  const view = new DataView(header.buffer);
  let headerFilled = 0;
  let stream: StreamName = 'stdout';
  let remaining = 0;
  const readHeader = (chunk: Uint8Array, at: number): number => {
    const take = Math.min(headerBytes - headerFilled, chunk.length - at);
    header.set(chunk.subarray(at, at + take), headerFilled);
    headerFilled += take;
    if (headerFilled < headerBytes) return at + take;
    headerFilled = 0;
    remaining = view.getUint32(4);
    const name = names[header[0] ?? -1];
    if (name === undefined || header[1] !== 0 || header[2] !== 0 || header[3] !== 0 || remaining > maximumFrameBytes) {
      throw new OrlopError('data-loss', 'WIRE_BAD_FRAME', 'the output stream carries bytes that are not a frame');
    }
    stream = name;
    return at + take;
  };
  const push = (chunk: Uint8Array): Frame[] => {
    const frames: Frame[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (remaining === 0) {
        at = readHeader(chunk, at);
        continue;
      }
      const take = Math.min(remaining, chunk.length - at);
      frames.push({ stream, data: chunk.subarray(at, at + take) });
      remaining -= take;
      at += take;
    }
    return frames;
  };
  const end = (): void => {
    if (remaining > 0 || headerFilled > 0) throw new OrlopError('data-loss', 'WIRE_CUT_FRAME', 'the output stream ended inside a frame');
  };
  return { push, end };
}
