import { chmod, chown, lstat, mkdir, readFile, readlink, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { PassedEndpoint, TcpEndpoint, UnixEndpoint } from './endpoint.ts';

/**
 * Listens on a unix socket: mode 0660 for the group of this name or number, 0600 when there is no such group, which the answer tells (false). A socket file that
 * nobody answers is left over from an engine that was killed and is removed; one that answers is failed-precondition. The file goes when the server closes.
 */
export async function listenUnix(server: Server, { path }: UnixEndpoint, group: string): Promise<boolean> {
  await removeStaleSocket(path);
  await mkdir(dirname(path), { recursive: true });
  await bind(server, path);
  const gid = await groupId(group);
  if (gid === null) return false;
  await chown(path, process.getuid?.() ?? 0, gid);
  await chmod(path, 0o660);
  return true;
}

/**
 * Listens on a unix socket that somebody else has bound, whose file, mode and group are theirs. failed-precondition for a descriptor that is none: a port passed
 * so would be served without certificates.
 */
export async function listenPassed(server: Server, { descriptor }: PassedEndpoint): Promise<void> {
  const where = `fd://${descriptor}`;
  if (!(await isListeningUnixSocket(descriptor)))
    throw new OrlopError('failed-precondition', 'HTTP_NOT_A_SOCKET', `${where} is not a unix socket that listens`, {
      hint: 'pass only those of ListenStream=/path; for ports give -H tcp:// and --tlsverify',
    });
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(unusable(where, error));
    server.once('error', fail);
    server.listen({ fd: descriptor }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

/** By /proc/net/unix, unix(7): the flag 00010000 says that it listens, type 0001 that it is a stream. */
async function isListeningUnixSocket(descriptor: number): Promise<boolean> {
  const link = await readlink(`/proc/self/fd/${descriptor}`).catch(() => '');
  const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
  if (inode === undefined) return false;
  const rows = (await readFile('/proc/self/net/unix', 'utf8')).split('\n').map((line) => line.split(/\s+/));
  return rows.some(([, , , flags, type, , found]) => found === inode && flags === '00010000' && type === '0001');
}

/** Listens on a port; answers with the port that it is, for one that was asked for as 0. */
export function listenTcp(server: Server, { host, port }: TcpEndpoint): Promise<number> {
  const where = `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(unusable(where, error));
    server.once('error', fail);
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', fail);
      const address = server.address();
      resolve(address === null || typeof address === 'string' ? port : address.port);
    });
  });
}

/** Born private: the mode is widened only after the group is right. */
function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      reject(error.code === 'EADDRINUSE' ? engineAnswers(path) : unusable(`unix://${path}`, error));
    server.once('error', fail);
    const mask = process.umask(0o177);
    try {
      server.listen({ path }, () => {
        server.off('error', fail);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket())
    throw new OrlopError('failed-precondition', 'HTTP_NOT_A_SOCKET', `${path} exists and is not a socket`, {
      hint: 'remove it or listen elsewhere',
    });
  if (await answers(path)) throw engineAnswers(path);
  await unlink(path).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(true));
    socket.once('error', (error) => resolve(!isErrno(error, 'ECONNREFUSED', 'ENOENT')));
    socket.once('connect', () => socket.destroy());
  });
}

/** getgrnam(3) by the file alone; a number counts as itself. */
async function groupId(name: string): Promise<number | null> {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const text = await readFile('/etc/group', 'utf8').catch(() => '');
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name}:`));
  const id = Number(line?.split(':')[2] ?? Number.NaN);
  return Number.isInteger(id) ? id : null;
}

function engineAnswers(path: string): OrlopError {
  return new OrlopError('failed-precondition', 'HTTP_SOCKET_IN_USE', `another engine answers on unix://${path}`, {
    hint: 'stop it, or give this one its own --exec-root and -H',
  });
}

function unusable(where: string, cause: NodeJS.ErrnoException): OrlopError {
  const kind = cause.code === 'EACCES' || cause.code === 'EPERM' ? 'permission-denied' : 'failed-precondition';
  return new OrlopError(kind, 'HTTP_CANNOT_LISTEN', `cannot listen on ${where}: ${cause.code ?? cause.message}`, { cause });
}
