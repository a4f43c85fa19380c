import { isErrno, OrlopError } from '#errors';
import { listUsers, type PasswdEntry } from '#runtime';
import * as k from '#sys';
import { openInRoot, readFileInRoot, type Addon, type FileFacts } from '#sys';
import { replaceFile } from '../files/content.ts';
import { chownInside, plainly, statOrNothing } from '../files/directories.ts';
import { insideId, isMissing, type ContainerRoot } from '../files/root.ts';

/** Lines of authorized_keys by the name of the user whom they let in. */
export type LoginKeys = Readonly<Record<string, readonly string[]>>;

export interface SshKeys {
  readonly container: string;
  readonly keys: LoginKeys;
  /** Users that need not be there: their keys wait. */
  readonly awaited: readonly string[];
  /** Where something is mounted in the container. */
  readonly mounts: readonly string[];
}

const begin = '# begin of what the setting ssh.keys keeps here; changes up to its end are lost';
const end = '# end of what the setting ssh.keys keeps here';
const largestFile = 1024 * 1024;
const mostUsers = 2000;
/** A name in a directory, and nothing but that: no link of a user's leads anybody else's files here. */
const own = plainly | k.RESOLVE_NO_XDEV;

/**
 * Puts keys between two lines of the users' own ~/.ssh/authorized_keys, and takes away those that an earlier setting put there, whoever they were for. The rest of the files stays. Below a home,
 * which its user may fill with links, none is followed. Fails with failed-precondition naming the user.
 */
export async function applySshKeys(addon: Addon, root: ContainerRoot, { container, keys, awaited, mounts }: SshKeys): Promise<void> {
  const users = listUsers(addon, root.descriptor).slice(0, mostUsers);
  const unknown = Object.keys(keys).find((name) => !awaited.includes(name) && !users.some((user) => user.name === name));
  if (unknown !== undefined) throw refused(container, unknown, 'it has no such user', 'make the user first');
  const doneHomes = new Set<string>();
  for (const user of users) {
    const wanted = keys[user.name] ?? [];
    // Several users may share a home: those with keys come to it as who they are.
    if (
      wanted.length === 0 &&
      (doneHomes.has(user.home) || users.some((other) => other.home === user.home && keys[other.name] !== undefined))
    )
      continue;
    doneHomes.add(user.home);
    if (wanted.length > 0 && mounts.some((target) => isWithin(`${user.home}/.ssh/authorized_keys`, target)))
      throw refused(container, user.name, `${user.home} is mounted into it`, 'put the keys where the mount comes from');
    await applyTo(addon, root, { container, user, wanted });
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

interface UserKeys {
  readonly container: string;
  readonly user: PasswdEntry;
  readonly wanted: readonly string[];
}

async function applyTo(addon: Addon, root: ContainerRoot, { container, user, wanted }: UserKeys): Promise<void> {
  const directory = addon.withFsIds(root.first, root.first, () => openSsh(addon, root, { container, user, wanted }));
  if (directory === null) return;
  try {
    const facts = statOrNothing(addon, directory, 'authorized_keys');
    const before = facts === null ? '' : readOwn(addon, root, { directory, facts, user });
    if (before === null) {
      if (wanted.length === 0) return;
      throw refused(container, user.name, 'its authorized_keys is no file of its own', `look at ${user.home}/.ssh`);
    }
    const after = withKeys(before, wanted);
    if (after === before) return;
    await replaceFile(addon, root, [Buffer.from(after)], {
      place: { parent: directory, name: 'authorized_keys', facts, [Symbol.dispose]: () => {} },
      owner: { uid: user.uid, gid: user.gid, mode: 0o600 },
      named: { path: `${user.home}/.ssh/authorized_keys`, container },
    });
  } finally {
    addon.close(directory);
  }
}

/** The user's ~/.ssh (O_PATH), made for those who get keys; null: there is none, or none that was ever ours to write to. */
function openSsh(addon: Addon, root: ContainerRoot, { container, user, wanted }: UserKeys): number | null {
  const home = openHome(addon, root, user.home);
  if (home === null) {
    if (wanted.length === 0) return null;
    throw refused(container, user.name, `its home ${user.home} is not there`, 'make it first');
  }
  try {
    if (wanted.length > 0 && statOrNothing(addon, home, '.ssh') === null) makeSsh(addon, root, home, user);
    const directory = openOwnSsh(addon, root, home, user);
    if (directory !== null || wanted.length === 0) return directory;
    throw refused(container, user.name, `${user.home}/.ssh is no directory of its own`, `look at ${user.home}`);
  } finally {
    addon.close(home);
  }
}

/** null: there is none, it is a link or a mount, or somebody else's. */
function openOwnSsh(addon: Addon, root: ContainerRoot, home: number, user: PasswdEntry): number | null {
  let directory: number;
  try {
    directory = addon.openat2(home, '.ssh', k.O_PATH | k.O_DIRECTORY | k.O_NOFOLLOW, 0, own);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV')) return null;
    throw error;
  }
  if (isOwn(root, addon.fstatat(directory, '', k.AT_EMPTY_PATH), user)) return directory;
  addon.close(directory);
  return null;
}

function isOwn(root: ContainerRoot, { uid }: FileFacts, user: PasswdEntry): boolean {
  return [user.uid, 0].includes(insideId(root, uid));
}

function openHome(addon: Addon, root: ContainerRoot, home: string): number | null {
  try {
    return openInRoot(addon, root.descriptor, home, k.O_PATH | k.O_DIRECTORY);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function makeSsh(addon: Addon, root: ContainerRoot, home: number, user: PasswdEntry): void {
  addon.mkdirat(home, '.ssh', 0o700);
  const made = addon.openat2(home, '.ssh', k.O_PATH | k.O_DIRECTORY | k.O_NOFOLLOW, 0, own);
  try {
    chownInside(addon, root, made, user);
  } finally {
    addon.close(made);
  }
}

/** null: it is no regular file, or somebody else's. */
function readOwn(
  addon: Addon,
  root: ContainerRoot,
  { directory, facts, user }: { readonly directory: number; readonly facts: FileFacts; readonly user: PasswdEntry },
): string | null {
  if ((facts.mode & k.S_IFMT) !== k.S_IFREG || facts.size > largestFile || !isOwn(root, facts, user)) return null;
  // Should it become a link meanwhile, that leads nowhere but into this directory.
  return readFileInRoot(addon, directory, 'authorized_keys', largestFile).toString();
}

/** The text with these keys between our lines, and nothing else there; without keys, without the lines. Pure. */
export function withKeys(text: string, keys: readonly string[]): string {
  const lines = text.split('\n');
  const kept: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const until = line === begin ? lines.indexOf(end, at) : -1;
    if (until >= 0) at = until;
    else kept.push(line);
  }
  const rest = kept.join('\n');
  if (keys.length === 0) return rest;
  const gap = rest === '' || rest.endsWith('\n') ? '' : '\n';
  return `${rest}${gap}${[begin, ...keys, end].join('\n')}\n`;
}

function refused(container: string, user: string, why: string, what: string): OrlopError {
  const setting = user === 'root' ? 'ssh.keys' : `ssh.keys.${user}`;
  return new OrlopError('failed-precondition', 'ENGINE_SSH_KEYS', `${setting} cannot be put into ${container}: ${why}`, {
    hint: `${what}, or: orlop unset ${container} ${setting}`,
  });
}
