import { Socket } from 'node:net';

export interface CarrierState {
  /** Connections, and conversations over datagrams, that it carries. */
  readonly active: number;
  /** How many there have been. */
  readonly total: number;
  readonly isOpen: boolean;
}

/** One engine's end; a carrier has several at a time. */
export interface CarrierConnection {
  /**
   * `open`: who waits, and who comes, is let in · `hold`: nobody more is · `wait`: and what it carries is cut off · `refuse`: who waits is turned away, and it goes on waiting.
   * Resolves with null when the carrier has ended.
   */
  order(order: 'open' | 'hold' | 'wait' | 'refuse' | 'state'): Promise<CarrierState | null>;
  /** Ends it; resolves when it is gone, or after a second. */
  quit(): Promise<void>;
  /** Called whenever somebody has come to a carrier that waits, also if that was before we connected. Once, until it is told what to do. */
  onCall: (() => void) | null;
  /** Resolves when the carrier has ended, or this end was closed. */
  readonly gone: Promise<void>;
  /** It goes on without us. */
  close(): void;
}

const wordBytes = 24;
const wordCalled = 1;
const letters = { open: 'o', hold: 'h', wait: 'w', refuse: 'r', state: 's', quit: 'q' } as const;

/** Takes ownership of the descriptor. The event loop is not kept alive by it. */
export function createCarrierConnection(descriptor: number): CarrierConnection {
  const socket = new Socket({ fd: descriptor, readable: true, writable: true });
  socket.unref();
  const gone = Promise.withResolvers<void>();
  const answers: ((state: CarrierState | null) => void)[] = [];
  let rest = Buffer.alloc(0);
  let onCall: (() => void) | null = null;
  let wasCalled = false;
  const take = (word: Buffer): void => {
    if (word.readUInt32LE(0) !== wordCalled) {
      const state = { active: word.readUInt32LE(4), total: Number(word.readBigUInt64LE(8)), isOpen: word.readBigUInt64LE(16) !== 0n };
      return answers.shift()?.(state);
    }
    if (onCall === null) wasCalled = true;
    else onCall();
  };
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= wordBytes; rest = rest.subarray(wordBytes)) take(rest.subarray(0, wordBytes));
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    for (const answer of answers.splice(0)) answer(null);
    gone.resolve();
  });
  return {
    order: (order) =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve(null);
        answers.push(resolve);
        socket.write(letters[order]);
      }),
    async quit() {
      socket.write(letters.quit);
      const timer = setTimeout(() => socket.destroy(), 1_000);
      await gone.promise;
      clearTimeout(timer);
    },
    get onCall() {
      return onCall;
    },
    set onCall(call) {
      onCall = call;
      if (!wasCalled || call === null) return;
      wasCalled = false;
      call();
    },
    gone: gone.promise,
    close: () => void socket.destroy(),
  };
}
