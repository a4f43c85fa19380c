import type { AnswerStream } from './exchange.ts';

/** Pieces of an answer that come faster than the client may read. */
export interface PieceQueue {
  /** Sends in order. `droppable`: it may be left out while too much waits. */
  send(piece: string | Uint8Array, options?: { readonly droppable?: boolean }): void;
  /** When all has been handed on. */
  settled(): Promise<void>;
}

/** What waits for a client that reads slowly. */
const mostBytes = 8 * 1024 * 1024;

/**
 * Hands pieces on at the client's pace, whoever makes them does not wait. When more than 8 MiB wait, what may be dropped is, and `clipped` (a piece that says so) takes its place once, until there is
 * room again.
 */
export function createPieceQueue(open: () => AnswerStream, clipped: () => string | Uint8Array): PieceQueue {
  let waiting = 0;
  let isClipping = false;
  let last = Promise.resolve();
  const push = (piece: string | Uint8Array): void => {
    const bytes = piece.length;
    waiting += bytes;
    const out = open();
    last = last.then(async () => {
      await out.write(piece);
      waiting -= bytes;
    });
  };
  return {
    send(piece, { droppable = false } = {}) {
      const isFull = waiting > mostBytes;
      if (isFull && droppable) {
        if (!isClipping) push(clipped());
        isClipping = true;
        return;
      }
      if (!isFull) isClipping = false;
      push(piece);
    },
    settled: () => last,
  };
}
