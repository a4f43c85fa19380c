import { isErrno, isOrlopError, OrlopError } from '#errors';
import { type Addon, type GuestFiles, readFileInRoot, readGuestFiles } from '#sys';

/** Who a process runs as, by number, and where its home is. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, the primary one among them. */
  readonly groups: readonly number[];
  readonly home: string;
}

/** A line of passwd(5), as far as it matters here. */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const largestFile = 16 * 1024 * 1024;
const largestId = 0x7fff_ffff;

/**
 * `user`, `uid`, `user:group`, `uid:gid`, … as Docker reads them, in the container's own /etc/passwd and /etc/group below `root` (a descriptor). Empty
 * text is root. `extraGroups` (--group-add) are names or numbers. Fails with not-found `RUNTIME_USER_UNKNOWN`, `RUNTIME_GROUP_UNKNOWN`,
 * invalid-argument `RUNTIME_ID_RANGE`.
 */
export function resolveUser(addon: Addon, root: number, text: string, extraGroups: readonly string[] = []): ResolvedUser {
  return findUser(text, extraGroups, { passwd: readDatabase(addon, root, '/etc/passwd'), group: readDatabase(addon, root, '/etc/group') });
}

/** As resolveUser, in a container that may have mounted what does not answer: without waiting for that in this thread. Fails as readGuestFiles does, too. */
export async function resolveUserAside(
  place: Pick<GuestFiles, 'addon' | 'bosun' | 'root'>,
  text: string,
  extraGroups: readonly string[] = [],
): Promise<ResolvedUser> {
  const paths = ['/etc/passwd', '/etc/group'];
  const [passwd, group] = await readGuestFiles({ ...place, paths, maxBytes: largestFile });
  return findUser(text, extraGroups, { passwd: passwd?.toString('utf8') ?? '', group: group?.toString('utf8') ?? '' });
}

/** All users of the container's own /etc/passwd below `root` (a descriptor). */
export function listUsers(addon: Addon, root: number): readonly PasswdEntry[] {
  return parsePasswd(readDatabase(addon, root, '/etc/passwd'));
}

/** The home of the user with this number in the image's /etc/passwd, else `/`. */
export function findHome(addon: Addon, root: number, uid: number): string {
  const entry = parsePasswd(readDatabase(addon, root, '/etc/passwd')).find((candidate) => candidate.uid === uid);
  return entry === undefined || entry.home === '' ? '/' : entry.home;
}

/** The name of the user with this number in a passwd file's text, or null. */
export function findUserName(passwd: string, uid: number): string | null {
  return parsePasswd(passwd).find((candidate) => candidate.uid === uid)?.name ?? null;
}

/** The pure part: both files as text. */
export function findUser(
  text: string,
  extraGroups: readonly string[],
  files: { readonly passwd: string; readonly group: string },
): ResolvedUser {
  const [userText = '', groupText = ''] = splitOnce(text);
  const groups = parseGroup(files.group);
  const { uid, gid, home, name } = findAccount(userText, parsePasswd(files.passwd));
  const primary = groupText === '' ? gid : findGroup(groupText, groups);
  const memberships =
    groupText === '' && name !== null ? groups.filter((group) => group.members.includes(name)).map((group) => group.gid) : [];
  const extra = extraGroups.map((group) => findGroup(group, groups));
  // With the primary one, as Docker has it: a process that changes that one keeps what was denied to it (CVE-2022-36109).
  return { uid, gid: primary, groups: [...new Set([primary, ...memberships, ...extra])], home };
}

function splitOnce(text: string): string[] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** A name wins over a number; a number without an entry stands for itself, with group 0 and home /. */
function findAccount(text: string, entries: readonly PasswdEntry[]): { uid: number; gid: number; home: string; name: string | null } {
  const wanted = text === '' ? '0' : text;
  const number = parseId(wanted);
  const entry = entries.find((candidate) => candidate.name === wanted || candidate.uid === number);
  if (entry !== undefined) return { uid: entry.uid, gid: entry.gid, home: entry.home === '' ? '/' : entry.home, name: entry.name };
  if (number === null) {
    throw new OrlopError('not-found', 'RUNTIME_USER_UNKNOWN', `unable to find user ${text}: no matching entries in passwd file`, {
      hint: 'name a user of the image, or a number',
    });
  }
  return { uid: checkRange(number), gid: 0, home: '/', name: null };
}

function findGroup(text: string, entries: readonly GroupEntry[]): number {
  const number = parseId(text);
  const entry = entries.find((candidate) => candidate.name === text || candidate.gid === number);
  if (entry !== undefined) return entry.gid;
  if (number !== null) return checkRange(number);
  throw new OrlopError('not-found', 'RUNTIME_GROUP_UNKNOWN', `unable to find group ${text}: no matching entries in group file`, {
    hint: 'name a group of the image, or a number',
  });
}

function parseId(text: string): number | null {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}

function checkRange(id: number): number {
  if (id >= 0 && id <= largestId) return id;
  throw new OrlopError('invalid-argument', 'RUNTIME_ID_RANGE', `uids and gids must be in range 0-${largestId}`);
}

/** passwd(5). Lines that are none, and ids that do not fit, are passed over: the file is the image's. */
function parsePasswd(text: string): PasswdEntry[] {
  return lines(text).flatMap((fields) => {
    const [name = '', , uid = '', gid = '', , home = ''] = fields;
    const ids = [parseId(uid), parseId(gid)] as const;
    return name === '' || !isId(ids[0]) || !isId(ids[1]) ? [] : [{ name, uid: ids[0], gid: ids[1], home }];
  });
}

/** group(5). */
function parseGroup(text: string): GroupEntry[] {
  return lines(text).flatMap((fields) => {
    const [name = '', , id = '', members = ''] = fields;
    const gid = parseId(id);
    return name === '' || !isId(gid) ? [] : [{ name, gid, members: members.split(',').filter((member) => member !== '') }];
  });
}

function isId(id: number | null): id is number {
  return id !== null && id >= 0 && id <= largestId;
}

function lines(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

/** An image without the file has no users; a file that is none (a device, a FIFO) is the image's fault and counts as empty too. */
function readDatabase(addon: Addon, root: number, path: string): string {
  try {
    return readFileInRoot(addon, root, path, largestFile).toString('utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP') || isOrlopError(error, 'failed-precondition')) return '';
    throw error;
  }
}
