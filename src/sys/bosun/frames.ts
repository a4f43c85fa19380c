import { OrlopError } from '#errors';

/** Frame types of the control stream (native/README.md). */
export const frameTypes = {
  sandbox: 1,
  run: 2,
  start: 3,
  resize: 4,
  signal: 5,
  closeStdin: 6,
  sandboxed: 16,
  created: 17,
  started: 18,
  failed: 19,
  exited: 20,
  status: 21,
  refused: 22,
  rotated: 23,
} as const;

export const frameHeaderBytes = 8;
const maximumPayloadBytes = 4096;

/** How a process ended and when. Times are nanoseconds since the epoch. */
export interface ExitRecord {
  /** As in wait(2). */
  readonly waitStatus: number;
  /** The exit status, or 128 and the signal. */
  readonly exitCode: number;
  readonly signal: number | null;
  readonly outOfMemory: boolean;
  /** In the monitor's process namespace; the number may belong to another process by now. */
  readonly pid: number;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  /** Lines of output that could not be logged, for want of disk space. */
  readonly lostLines: number;
}

export type MonitorState = 'sandboxed' | 'created' | 'running' | 'exited';

export interface MonitorStatus {
  readonly state: MonitorState;
  readonly pid: number;
  /** 0 until the process runs. */
  readonly startedAtNs: bigint;
  readonly lostLines: number;
  readonly exit: ExitRecord | null;
}

export interface FailureFacts {
  readonly opCode: number;
  readonly opIndex: number;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string;
  /** What the kernel or a hook said, empty when it said nothing. */
  readonly detail: string;
}

/** What a monitor says. */
export type MonitorEvent =
  | { readonly type: 'sandboxed' | 'created' | 'started'; readonly pid: number }
  | { readonly type: 'failed'; readonly failure: FailureFacts }
  | { readonly type: 'exited'; readonly exit: ExitRecord }
  | { readonly type: 'status'; readonly status: MonitorStatus }
  /** The log goes on in the file of this number. */
  | { readonly type: 'rotated'; readonly number: number }
  | { readonly type: 'refused'; readonly errno: number; readonly reason: string };

export function encodeFrame(type: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + payload.length);
  frame.writeUInt32LE(4 + payload.length, 0);
  frame.writeUInt32LE(type, 4);
  frame.set(payload, frameHeaderBytes);
  return frame;
}

/**
 * Cuts a stream of bytes into the monitor's events, however the bytes are portioned. Fails with data-loss for a frame that no monitor sends.
 */
export function createFrameReader(): (bytes: Uint8Array) => MonitorEvent[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes]);
    const events: MonitorEvent[] = [];
    for (;;) {
      const length = rest.length < 4 ? 0 : rest.readUInt32LE(0);
      if (rest.length >= 4 && (length < 4 || length > maximumPayloadBytes)) throw broken(`a frame of ${length} bytes`);
      if (rest.length < 4 || rest.length < 4 + length) return events;
      events.push(decodeEvent(rest.readUInt32LE(4), rest.subarray(frameHeaderBytes, 4 + length)));
      rest = rest.subarray(4 + length);
    }
  };
}

function decodeEvent(type: number, payload: Buffer): MonitorEvent {
  switch (type) {
    case frameTypes.sandboxed:
    case frameTypes.created:
    case frameTypes.started: {
      const name = type === frameTypes.sandboxed ? 'sandboxed' : type === frameTypes.created ? 'created' : 'started';
      return { type: name, pid: sized(payload, 4).readUInt32LE(0) };
    }
    case frameTypes.failed:
      return { type: 'failed', failure: decodeFailure(payload) };
    case frameTypes.exited:
      return { type: 'exited', exit: decodeExit(payload) };
    case frameTypes.status:
      return { type: 'status', status: decodeStatus(payload) };
    case frameTypes.refused:
      return { type: 'refused', errno: sized(payload, 4).readUInt32LE(0), reason: payload.toString('utf8', 4) };
    case frameTypes.rotated:
      return { type: 'rotated', number: Number(sized(payload, 8).readBigUInt64LE(0)) };
    default:
      throw broken(`a frame of type ${type}`);
  }
}

const states: Readonly<Record<number, MonitorState>> = { 1: 'sandboxed', 2: 'created', 3: 'running', 4: 'exited' };

function decodeStatus(payload: Buffer): MonitorStatus {
  const state = states[sized(payload, 40).readUInt32LE(0)];
  if (state === undefined) throw broken(`state ${payload.readUInt32LE(0)}`);
  return {
    state,
    pid: payload.readUInt32LE(4),
    startedAtNs: payload.readBigUInt64LE(16),
    lostLines: payload.readUInt32LE(32),
    exit: state === 'exited' ? decodeExit(payload) : null,
  };
}

/** From the payload of `status` and `exited`: state, pid, wait status, flags, start, end, lost lines. */
function decodeExit(payload: Buffer): ExitRecord {
  return createExitRecord({
    waitStatus: sized(payload, 40).readUInt32LE(8),
    flags: payload.readUInt32LE(12),
    pid: payload.readUInt32LE(4),
    startedAtNs: payload.readBigUInt64LE(16),
    finishedAtNs: payload.readBigUInt64LE(24),
    lostLines: payload.readUInt32LE(32),
  });
}

export interface ExitFacts extends Omit<ExitRecord, 'exitCode' | 'signal' | 'outOfMemory'> {
  readonly flags: number;
}

/** wait(2): the low seven bits are the signal, the second byte is the exit status. Flag 1: memory ran out. */
export function createExitRecord({ flags, ...facts }: ExitFacts): ExitRecord {
  const signal = facts.waitStatus & 0x7f;
  return {
    ...facts,
    exitCode: signal === 0 ? (facts.waitStatus >> 8) & 0xff : 128 + signal,
    signal: signal === 0 ? null : signal,
    outOfMemory: (flags & 1) !== 0,
  };
}

/** The payload of a `failed` frame, and what is read from `start.fifo` when execve fails there. */
export function decodeFailure(payload: Buffer): FailureFacts {
  const [syscall = '', path = '', detail = ''] = sized(payload, 12).toString('utf8', 12).split('\0');
  return { opCode: payload.readUInt32LE(0), opIndex: payload.readUInt32LE(4), errno: payload.readUInt32LE(8), syscall, path, detail };
}

function sized(payload: Buffer, bytes: number): Buffer {
  if (payload.length < bytes) throw broken(`a payload of ${payload.length} bytes`);
  return payload;
}

function broken(what: string): OrlopError {
  return new OrlopError('data-loss', 'SYS_MONITOR_GARBLED', `the monitor sent ${what}`);
}
