import { Socket } from 'node:net';
import type { Addon } from './addon.ts';
import { signals } from './signals.ts';

/** A process that does for us what we must not wait for ourselves. */
export interface AsideProcess {
  /** Its standard input and output, both ways. Its end is the other's to see. */
  readonly socket: Socket;
  /** Resolves once it is gone. What waits for a file system that does not answer may not go for long. */
  readonly ended: Promise<void>;
  /** Kills it, unless it has ended, and closes the socket. */
  kill(): void;
}

export interface AsideOptions {
  readonly file: string;
  readonly argv: readonly string[];
  readonly env?: readonly string[];
  /** Become its descriptors from 3 on; stay the caller's. */
  readonly descriptors: readonly number[];
}

/** Starts one, in a session of its own. The event loop is kept alive by the socket alone. */
export function spawnAside(addon: Addon, { file, argv, env = [], descriptors }: AsideOptions): AsideProcess {
  const [ours, theirs] = addon.socketPair();
  const { promise, resolve } = Promise.withResolvers<void>();
  let isOver = false;
  const pidfd = start();
  addon.whenReadable(pidfd, false, () => {
    isOver = true;
    addon.reap(pidfd);
    addon.close(pidfd);
    resolve();
  });
  const socket = new Socket({ fd: ours, readable: true, writable: true });
  // Who reads or writes is told; when nobody does, that it has gone is no news.
  socket.on('error', () => undefined);
  const kill = (): void => {
    if (!isOver) addon.pidfdSendSignal(pidfd, signals.SIGKILL);
    socket.destroy();
  };
  return { socket, ended: promise, kill };

  function start(): number {
    try {
      return addon.spawn(file, argv, env, [theirs, theirs, -1, ...descriptors], true).pidfd;
    } catch (error) {
      addon.close(ours);
      throw error;
    } finally {
      addon.close(theirs);
    }
  }
}
