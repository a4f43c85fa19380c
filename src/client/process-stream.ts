import type { Duplex } from 'node:stream';
import { createFrameDecoder, multiplexedStreamType, type Frame } from '#wire';
import type { Hijacked } from './transport/transport.ts';

/** A process's streams. Write to `stream` for its standard input; `stream.end()` ends that; `stream.destroy()` lets go of the process. */
export interface ProcessStream {
  readonly stream: Duplex;
  /** Raw bytes of a terminal, not frames. */
  readonly terminal: boolean;
  /** Its output, told apart; of a terminal all is stdout. To be read once. */
  output(): AsyncGenerator<Frame>;
}

export function openProcessStream({ stream, contentType }: Hijacked): ProcessStream {
  return {
    stream,
    terminal: contentType !== multiplexedStreamType,
    output: () => readFrames(stream as AsyncIterable<Buffer>, contentType),
  };
}

/** Output told apart where it is framed. data-loss when a frame is cut or malformed. */
export async function* readFrames(bytes: AsyncIterable<Buffer>, contentType: string): AsyncGenerator<Frame> {
  if (contentType !== multiplexedStreamType) {
    for await (const data of bytes) yield { stream: 'stdout', data };
    return;
  }
  const decoder = createFrameDecoder();
  for await (const chunk of bytes) yield* decoder.push(chunk);
  decoder.end();
}
