import { createConnection, type Socket } from 'node:net';
import { OrlopError } from '#errors';
import { type BusMessage, decodeMessage, encodeMessage, messageTypes } from './messages.ts';
import { malformed } from './signature.ts';
import type { BusValue } from './values.ts';

export interface MethodCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly body: readonly BusValue[];
}

/** A connection to a D-Bus server, over which calls can be made. */
export interface Bus extends Disposable {
  /**
   * Resolves with the reply. Rejects with `RUNTIME_BUS_REFUSED`, whose details hold the error's D-Bus name, when it is an error; with deadline-exceeded
   * `RUNTIME_BUS_TIMEOUT`; with unavailable when the connection breaks.
   */
  call(call: MethodCall): Promise<BusMessage>;
  /** Called for each signal, until the connection is disposed of. */
  onSignal(listener: (signal: BusMessage) => void): void;
}

export interface BusOptions {
  /** Path of the unix socket. */
  readonly path: string;
  /** Who we are (EXTERNAL): the server compares it with SO_PEERCRED. */
  readonly uid: number;
  /** How long a call may take. */
  readonly timeoutMs: number;
}

interface Pending {
  readonly call: MethodCall;
  resolve(reply: BusMessage): void;
  reject(error: Error): void;
}

/** Longest line that a server says before messages begin. */
const longestLine = 4096;

/**
 * Connects and authenticates (D-Bus specification, "Authentication Protocol"). unavailable `RUNTIME_BUS_UNAVAILABLE` when nobody listens; its cause is the
 * system's error.
 */
export async function openBus(options: BusOptions): Promise<Bus> {
  const socket = createConnection(options.path);
  try {
    const early = await authenticate(socket, options);
    return speak(socket, early, options.timeoutMs);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function authenticate(socket: Socket, { path, uid, timeoutMs }: BusOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const end = (): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
    };
    const fail = (error: Error): void => {
      end();
      // What still happens to a socket that is given up is of no interest.
      socket.on('error', () => {});
      reject(error);
    };
    const timer = setTimeout(() => fail(unavailable(path, 'it does not answer')), timeoutMs);
    socket.on('error', (cause) => fail(unavailable(path, cause.message, cause)));
    socket.on('close', () => fail(unavailable(path, 'it hung up')));
    socket.on('connect', () => socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(uid)).toString('hex')}\r\n`));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const line = received.indexOf('\r\n');
      if (line < 0 && received.length > longestLine) return fail(malformed('a line is too long'));
      if (line < 0) return;
      const said = received.subarray(0, line).toString('latin1');
      if (!said.startsWith('OK ')) return fail(unavailable(path, `it refuses us: ${JSON.stringify(said.slice(0, 200))}`));
      end();
      socket.write('BEGIN\r\n');
      resolve(received.subarray(line + 2));
    });
  });
}

function speak(socket: Socket, early: Buffer, timeoutMs: number): Bus {
  const pending = new Map<number, Pending>();
  const listeners: ((signal: BusMessage) => void)[] = [];
  let received = early;
  let broken: Error | null = null;
  let serial = 0;
  const fail = (error: Error): void => {
    broken ??= error;
    socket.destroy();
    for (const { reject } of pending.values()) reject(broken);
    pending.clear();
  };
  const dispatch = (message: BusMessage): void => {
    if (message.type === messageTypes.signal) for (const listener of listeners) listener(message);
    const waiting = pending.get(message.replySerial ?? 0);
    if (waiting === undefined || (message.type !== messageTypes.reply && message.type !== messageTypes.error)) return;
    pending.delete(message.replySerial ?? 0);
    if (message.type === messageTypes.reply) waiting.resolve(message);
    else waiting.reject(refusal(waiting.call, message));
  };
  const take = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    try {
      for (let next = decodeMessage(received); next !== null; next = decodeMessage(received)) {
        received = received.subarray(next.length);
        dispatch(next.message);
      }
    } catch (error) {
      fail(error as Error);
    }
  };
  socket.on('data', take);
  socket.on('error', (cause) => fail(unavailable('the bus', cause.message, cause)));
  socket.on('close', () => fail(unavailable('the bus', 'it hung up')));
  take(Buffer.alloc(0));
  return {
    call(call) {
      if (broken !== null) return Promise.reject(broken);
      serial += 1;
      const mine = serial;
      const bytes = encodeMessage({ ...call, type: messageTypes.call, serial: mine });
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          pending.delete(mine);
          reject(new OrlopError('deadline-exceeded', 'RUNTIME_BUS_TIMEOUT', `${call.destination} did not answer ${call.member}`));
        }, timeoutMs);
        pending.set(mine, {
          call,
          resolve: (reply) => {
            clearTimeout(timer);
            resolve(reply);
          },
          reject: (error) => {
            clearTimeout(timer);
            reject(error);
          },
        });
        socket.write(bytes);
      });
    },
    onSignal: (listener) => void listeners.push(listener),
    [Symbol.dispose]: () => {
      fail(unavailable('the bus', 'we hung up'));
    },
  };
}

function refusal({ destination, member }: MethodCall, { errorName = '', body }: BusMessage): OrlopError {
  const said = typeof body[0] === 'string' ? body[0] : errorName;
  const kind = /AccessDenied|AuthFailed|InteractiveAuthorizationRequired/.test(errorName) ? 'permission-denied' : 'failed-precondition';
  return new OrlopError(kind, 'RUNTIME_BUS_REFUSED', `${destination} refuses ${member}: ${said}`, { details: { name: errorName } });
}

function unavailable(who: string, why: string, cause?: Error): OrlopError {
  return new OrlopError(
    'unavailable',
    'RUNTIME_BUS_UNAVAILABLE',
    `no D-Bus connection to ${who}: ${why}`,
    cause === undefined ? {} : { cause },
  );
}
