import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OrlopError, isErrno } from '#errors';
import type { Addon } from '../addon.ts';
import { createConnection, type MonitorConnection } from './connection.ts';
import type { MonitorStatus } from './frames.ts';

export interface SpawnOptions {
  readonly addon: Addon;
  /** Path of the bosun executable. */
  readonly bosun: string;
  /** `create` ends once the process is created or started, leaving it to the nearest subreaper. */
  readonly role?: 'monitor' | 'create';
}

export interface SpawnedMonitor extends MonitorConnection {
  readonly pid: number;
}

/**
 * Spawns a monitor in a session of its own. It is reaped here when it ends while we live, so that it never stays as a zombie.
 * Fails with the ErrnoError of posix_spawn.
 */
export function spawnMonitor(options: SpawnOptions): SpawnedMonitor {
  const { addon, bosun, role = 'monitor' } = options;
  const { descriptor, pid, pidfd } = spawnBosun(addon, bosun, role);
  addon.whenReadable(pidfd, false, () => {
    addon.reap(pidfd);
    addon.close(pidfd);
  });
  return Object.assign(createConnection(addon, descriptor), { pid });
}

/** bosun in a session of its own, with null devices as standard streams and a control stream, whose other end is `descriptor`. */
export function spawnBosun(addon: Addon, bosun: string, role: 'monitor' | 'create'): { descriptor: number; pid: number; pidfd: number } {
  const [ours, theirs] = addon.socketPair();
  try {
    return { descriptor: ours, ...addon.spawn(bosun, ['bosun', role], [], [-1, -1, -1, theirs], true) };
  } catch (error) {
    addon.close(ours);
    throw error;
  } finally {
    addon.close(theirs);
  }
}

/**
 * Connects to the monitor that keeps `directory`, as an engine does after its restart. Fails with `unavailable` `SYS_MONITOR_GONE` when there is
 * none: then the exit record tells how the process ended, or the monitor was killed. `status` is null when it has said nothing for `patienceMs`, as one that writes to a disk that
 * is stuck: it will speak when it can, and what it then says of an end settles `exited`.
 */
export async function connectMonitor(
  directory: string,
  addon: Addon,
  patienceMs = Number.POSITIVE_INFINITY,
): Promise<{ status: MonitorStatus | null; connection: MonitorConnection }> {
  const connection = createConnection(addon, connectTo(join(directory, 'control.sock'), addon));
  const status = connection.status();
  if (patienceMs === Number.POSITIVE_INFINITY) return { status: await status, connection };
  status.catch(() => undefined);
  const patience = new AbortController();
  try {
    return { status: await Promise.race([status, delay(patienceMs, null, { signal: patience.signal })]), connection };
  } finally {
    patience.abort();
  }
}

export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/**
 * Attaches to the output, and with `stdin` to the input, of the process whose monitor keeps `directory`, from now on. What is read is raw with a
 * terminal, else Docker's frames; `end()` half-closes the input. The caller destroys the socket. Fails as connectMonitor does.
 */
export async function attachMonitor(directory: string, streams: WantedStreams, addon: Addon): Promise<Socket> {
  return connectClient(directory, streams, addon, 0);
}

function connectClient(directory: string, streams: WantedStreams, addon: Addon, exact: 0 | 1): Socket {
  const descriptor = connectTo(join(directory, 'attach.sock'), addon);
  const hello = Buffer.alloc(8);
  hello.writeUInt32LE(streamBits(streams), 0);
  hello.writeUInt32LE(exact, 4);
  try {
    addon.sendDescriptors(descriptor, hello, []);
  } catch (cause) {
    addon.close(descriptor);
    throw gone(directory, cause);
  }
  return adoptSocket(descriptor);
}

/**
 * The same, beginning exactly where the log ends: behind all records up to `sinceNs` (ns since the epoch). Only of a line longer than 16 KiB, which is logged in pieces of
 * one time, more may be in the log.
 */
export async function attachMonitorExactly(
  directory: string,
  streams: WantedStreams,
  addon: Addon,
): Promise<{ socket: Socket; sinceNs: bigint }> {
  const socket = connectClient(directory, streams, addon, 1);
  const first = await readFirst(socket, 8);
  if (first === null) throw gone(directory, undefined);
  return { socket, sinceNs: first.readBigUInt64LE(0) };
}

/** null: the stream has ended before. What follows stays in the socket. */
function readFirst(socket: Socket, bytes: number): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const settle = (): void => {
      const found = socket.read(bytes) as Buffer | null;
      if (found === null && !socket.destroyed && !socket.readableEnded) return;
      for (const event of ['readable', 'end', 'close', 'error']) socket.off(event, settle);
      resolve(found !== null && found.length === bytes ? found : null);
    };
    for (const event of ['readable', 'end', 'close', 'error']) socket.on(event, settle);
  });
}

export interface Attachment {
  /** Ours: as attachMonitor gives it. */
  readonly socket: Socket;
  /** The monitor's end, for the slot of an `attach_client` op. The caller closes it once the plan was sent. */
  readonly descriptor: number;
}

/** A client that is attached from the first byte on: its descriptor travels with the run plan, in an `attach_client` op. */
export function createAttachment(addon: Addon): Attachment {
  const [ours, theirs] = addon.socketPair();
  return { socket: adoptSocket(ours), descriptor: theirs };
}

/** The `streams` argument of an `attach_client` op. */
export function streamBits(streams: WantedStreams): number {
  return (streams.stdin ? 1 : 0) | (streams.stdout ? 2 : 0) | (streams.stderr ? 4 : 0);
}

function adoptSocket(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}

function connectTo(path: string, addon: Addon): number {
  try {
    return addon.connectUnix(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ENOTDIR')) throw gone(path, error);
    throw error;
  }
}

function gone(path: string, cause: unknown): OrlopError {
  return new OrlopError('unavailable', 'SYS_MONITOR_GONE', `no monitor answers at ${path}`, { cause });
}
