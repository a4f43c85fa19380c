import type { EngineSocket } from './light-socket.ts';

/** More than this waiting to be read stops the socket. */
const highWaterBytes = 256 * 1024;

/** Pulls the bytes of a socket one chunk at a time, and can give the socket back. */
export interface ByteReader {
  /** The next bytes, in order; null at the end. Rejects with the socket's error. */
  read(): Promise<Buffer | null>;
  /** Puts bytes back in front. */
  unread(bytes: Buffer): void;
  /** True when nothing has arrived that nobody read. */
  readonly empty: boolean;
  readonly ended: boolean;
  /** Lets go of the socket, which rests, and gives what was not read. */
  release(): Buffer;
}

export function createByteReader(socket: EngineSocket): ByteReader {
  const chunks: Buffer[] = [];
  let buffered = 0;
  let ended = false;
  let failure: Error | null = null;
  let wake: (() => void) | null = null;
  const notify = (): void => {
    wake?.();
    wake = null;
  };
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    buffered += chunk.length;
    if (buffered > highWaterBytes) socket.pause();
    notify();
  };
  const onEnd = (): void => {
    ended = true;
    notify();
  };
  const onError = (error: Error): void => {
    failure = error;
    onEnd();
  };
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  socket.on('error', onError);
  const read = async (): Promise<Buffer | null> => {
    while (chunks.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
    const chunk = chunks.shift();
    if (chunk !== undefined) {
      buffered -= chunk.length;
      if (buffered <= highWaterBytes && socket.isPaused()) socket.resume();
      return chunk;
    }
    if (failure !== null) throw failure;
    return null;
  };
  return {
    read,
    unread: (bytes) => {
      if (bytes.length === 0) return;
      chunks.unshift(bytes);
      buffered += bytes.length;
    },
    get empty() {
      return buffered === 0;
    },
    get ended() {
      return ended;
    },
    release: () => {
      socket.pause();
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      socket.off('error', onError);
      return Buffer.concat(chunks.splice(0));
    },
  };
}
