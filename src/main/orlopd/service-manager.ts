import { fstatSync, readlinkSync } from 'node:fs';
import { OrlopError } from '#errors';
import type { Logger } from '#log';
import type { Addon } from '#sys';

/** What a service manager such as systemd has arranged for us. */
export interface ServiceManager {
  /** Listening sockets that we were started with, sd_listen_fds(3). */
  readonly sockets: readonly number[];
  /** Standard error goes to the journal: systemd.exec(5), $JOURNAL_STREAM. */
  readonly logsToJournal: boolean;
  /** sd_notify(3): `READY=1`, `STOPPING=1`; nothing where nobody asked for it. What cannot be told is logged. */
  notify(addon: Addon, state: string, logger: Logger): void;
}

type Environment = Record<string, string | undefined>;

const firstDescriptor = 3;

/**
 * Takes out of `env` what is meant for this process alone, so that programs that it starts do not take it for theirs. invalid-argument for sockets that are
 * announced and not there.
 */
export function takeServiceManager(env: Environment, pid: number): ServiceManager {
  const { LISTEN_PID: listener, LISTEN_FDS: count, NOTIFY_SOCKET: socket, JOURNAL_STREAM: journal } = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'NOTIFY_SOCKET', 'JOURNAL_STREAM']) delete env[name];
  return {
    sockets: listener === String(pid) ? passedSockets(count ?? '') : [],
    logsToJournal: journal !== undefined && journal !== '' && journal === streamOf(2),
    notify(addon, state, logger) {
      if (socket === undefined || socket === '') return;
      try {
        send(addon, socket, state);
      } catch (error) {
        logger.warn('the service manager cannot be told', { socket, state, error });
      }
    },
  };
}

/**
 * Where to listen: `fd://` stands for the passed sockets. Fails with failed-precondition when it is asked for and none was passed, or when some were passed that
 * nobody asked for: clients would wait on them for ever. Pure.
 */
export function planEndpoints(hosts: readonly string[], sockets: readonly number[]): string[] {
  const refuse = (message: string, hint: string): OrlopError => new OrlopError('failed-precondition', 'ORLOPD_SOCKETS', message, { hint });
  const isAsked = hosts.includes('fd://');
  if (isAsked && sockets.length === 0)
    throw refuse('-H fd:// is for engines that were started with sockets, and there is none', 'start orlop.socket, or give unix:///path');
  if (!isAsked && sockets.length > 0)
    throw refuse('this engine was started with sockets that it is not to listen on', 'give -H fd://, or disable orlop.socket');
  const passed = sockets.map((descriptor) => `fd://${descriptor}`);
  return [...new Set(hosts.flatMap((host) => (host === 'fd://' ? passed : [host])))];
}

function passedSockets(text: string): number[] {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  const descriptors = Array.from({ length: count || 0 }, (_unused, index) => firstDescriptor + index);
  const missing = descriptors.find((descriptor) => !isSocket(descriptor));
  if (!Number.isNaN(count) && missing === undefined) return descriptors;
  const why = missing === undefined ? 'it is no number' : `descriptor ${missing} is no socket`;
  throw new OrlopError('invalid-argument', 'ORLOPD_SOCKETS', `LISTEN_FDS=${text}: ${why}`);
}

function isSocket(descriptor: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
  } catch {
    return false;
  }
}

function streamOf(descriptor: number): string | null {
  try {
    const { dev, ino } = fstatSync(descriptor);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

function send(addon: Addon, path: string, state: string): void {
  const socket = addon.connectDatagram(path);
  try {
    addon.sendDescriptors(socket, Buffer.from(state), []);
  } finally {
    addon.close(socket);
  }
}
