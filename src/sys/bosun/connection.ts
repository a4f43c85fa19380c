import { Socket } from 'node:net';
import { OrlopError } from '#errors';
import type { Addon } from '../addon.ts';
import type { Plan } from '../plan/index.ts';
import { monitorGone, planFailure, refusal } from './failure.ts';
import { createFrameReader, type ExitRecord, type MonitorEvent, type MonitorStatus } from './frames.ts';
import { createMonitorCommands } from './messages.ts';

/** An engine's end of a control stream. One request at a time: a second call before the first is answered fails with failed-precondition. */
export interface MonitorConnection {
  /**
   * Makes the process that waits for `run`, in the namespaces and cgroups that the plan asks for; `pid` is as the monitor sees it. Slots stay the
   * caller's to close. Rejects with SYS_PLAN_FAILED (see planFailureOf) or, when the monitor is gone, `unavailable`; the monitor has then ended.
   */
  sandbox(plan: Plan, slots: readonly number[]): Promise<{ pid: number }>;
  /** Runs the plan: resolves when execve has succeeded (`running`), or at the plan's `wait_for_start` (`created`). Rejects as `sandbox` does. */
  run(plan: Plan, slots: readonly number[]): Promise<{ pid: number; state: 'created' | 'running' }>;
  /** Lets a `created` process go on; resolves when execve has succeeded. */
  start(): Promise<void>;
  resize(rows: number, columns: number): void;
  /** Sent by the monitor, the process's parent, so it never reaches a process that took over the pid. Nothing happens once it has ended. */
  signal(signal: number): void;
  closeStdin(): void;
  /** Called whenever the log has gone on to another file, with that file's number. */
  onLogRotated: ((number: number) => void) | null;
  /** Rejects with `unavailable` when the stream ends before the process does, with SYS_PLAN_FAILED when it never ran. Never an unhandled rejection. */
  readonly exited: Promise<ExitRecord>;
  /** Closes this end. Before `run` was answered the monitor then kills its process and ends; later it goes on without us. */
  close(): void;
  [Symbol.dispose](): void;
}

type Settled = Exclude<MonitorEvent, { type: 'failed' | 'refused' | 'rotated' }>;

interface Request {
  readonly doing: string;
  readonly awaits: readonly MonitorEvent['type'][];
  resolve(event: Settled): void;
  reject(error: OrlopError): void;
}

/** Takes ownership of `descriptor`, a connected control stream. The event loop is kept alive while it is open, unless `keepAlive` is false. */
export function createConnection(
  addon: Addon,
  descriptor: number,
  keepAlive = true,
): MonitorConnection & { status(): Promise<MonitorStatus> } {
  const socket = new Socket({ fd: descriptor, readable: true, writable: true });
  if (!keepAlive) socket.unref();
  const commands = createMonitorCommands(addon, descriptor);
  const readFrames = createFrameReader();
  const exit = Promise.withResolvers<ExitRecord>();
  exit.promise.catch(() => undefined);
  let request: Request | null = null;
  let ended: OrlopError | null = null;
  let early: MonitorStatus | null = null;
  let onLogRotated: MonitorConnection['onLogRotated'] = null;

  const fail = (error: OrlopError): void => {
    ended ??= error;
    const waiting = request;
    request = null;
    waiting?.reject(ended);
    exit.reject(ended);
    socket.destroy();
  };
  const settle = (event: Settled): boolean => {
    if (request === null || !request.awaits.includes(event.type)) return false;
    const waiting = request;
    request = null;
    waiting.resolve(event);
    return true;
  };
  const take = (event: MonitorEvent): void => {
    if (event.type === 'failed') return fail(planFailure(event.failure));
    if (event.type === 'refused') {
      const waiting = request;
      request = null;
      return waiting?.reject(refusal(event.errno, event.reason));
    }
    if (event.type === 'rotated') return onLogRotated?.(event.number);
    const wanted = settle(event);
    if (event.type === 'status' && !wanted) early = event.status;
    if (event.type === 'status' && event.status.exit !== null) exit.resolve(event.status.exit);
    if (event.type !== 'exited') return;
    exit.resolve(event.exit);
    const waiting = request;
    request = null;
    waiting?.reject(new OrlopError('failed-precondition', 'SYS_PROCESS_ENDED', `the process ended while the monitor was ${waiting.doing}`));
  };
  const ask = async (doing: string, awaits: Request['awaits'], send: () => void): Promise<Settled> => {
    if (ended !== null) throw ended;
    if (request !== null) throw new OrlopError('failed-precondition', 'SYS_MONITOR_BUSY', `the monitor is still ${request.doing}`);
    const { promise, resolve, reject } = Promise.withResolvers<Settled>();
    request = { doing, awaits, resolve, reject };
    try {
      send();
    } catch (error) {
      // A monitor that failed has said why before it went: let what it said be read first.
      if (!isBrokenPipe(error)) {
        request = null;
        throw error;
      }
    }
    return promise;
  };

  socket.on('data', (bytes) => {
    try {
      readFrames(bytes).forEach(take);
    } catch (error) {
      fail(error instanceof OrlopError ? error : monitorGone('it was read'));
    }
  });
  socket.on('error', () => undefined);
  socket.on('close', () => fail(monitorGone(request?.doing ?? 'its process ran')));
  const post = (send: () => void): void => {
    if (ended !== null) return;
    try {
      send();
    } catch (error) {
      if (!isBrokenPipe(error)) throw error;
    }
  };

  return {
    async sandbox(plan, slots) {
      const event = await ask('making a sandbox', ['sandboxed'], () => commands.sandbox(plan, slots));
      return { pid: pidOf(event) };
    },
    async run(plan, slots) {
      const event = await ask('running a plan', ['created', 'started'], () => commands.run(plan, slots));
      return { pid: pidOf(event), state: event.type === 'created' ? 'created' : 'running' };
    },
    async start() {
      await ask('starting a process', ['started'], () => commands.start());
    },
    async status() {
      if (early !== null) return early;
      const event = await ask('telling its status', ['status'], () => undefined);
      if (event.type !== 'status') throw monitorGone('telling its status');
      return event.status;
    },
    resize: (rows, columns) => post(() => commands.resize(rows, columns)),
    signal: (signal) => post(() => commands.signal(signal)),
    closeStdin: () => post(() => commands.closeStdin()),
    get onLogRotated() {
      return onLogRotated;
    },
    set onLogRotated(listener) {
      onLogRotated = listener;
    },
    exited: exit.promise,
    close: () => fail(new OrlopError('cancelled', 'SYS_MONITOR_CLOSED', 'the connection to the monitor was closed')),
    [Symbol.dispose]() {
      this.close();
    },
  };
}

function pidOf(event: Settled): number {
  return 'pid' in event ? event.pid : 0;
}

function isBrokenPipe(error: unknown): boolean {
  return (
    error instanceof Error && ['EPIPE', 'ECONNRESET', 'EBADF', 'ENOTCONN'].some((name) => (error as { errno?: unknown }).errno === name)
  );
}
