import { readFileSync } from 'node:fs';
import { OrlopError } from '#errors';
import { withErrno } from './errno.ts';

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)), its escapes undone. */
export interface Mount {
  readonly id: number;
  readonly parentId: number;
  readonly major: number;
  readonly minor: number;
  /** What of the file system is mounted. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** `shared:1`, `master:2`, … */
  readonly propagation: readonly string[];
  readonly fstype: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Fails with internal `SYS_MOUNTINFO_UNREADABLE` naming the line. */
export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

function parseLine(line: string): Mount {
  const fields = line.split(' ');
  // Optional fields end with a lone hyphen; no other field can be one at this place.
  const hyphen = fields.indexOf('-', 6);
  const [id, parentId, device = '', root, mountPoint, options] = fields;
  const [fstype, source, superOptions] = hyphen < 0 ? [] : fields.slice(hyphen + 1);
  const [major, minor] = device.split(':').map(Number);
  const numbers = [Number(id), Number(parentId), major, minor];
  if (
    fstype === undefined ||
    source === undefined ||
    root === undefined ||
    mountPoint === undefined ||
    options === undefined ||
    !numbers.every(Number.isSafeInteger)
  ) {
    throw new OrlopError('internal', 'SYS_MOUNTINFO_UNREADABLE', `mountinfo line makes no sense: ${JSON.stringify(line.slice(0, 200))}`);
  }
  return {
    id: Number(id),
    parentId: Number(parentId),
    major: major ?? 0,
    minor: minor ?? 0,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(','),
    propagation: fields.slice(6, hyphen),
    fstype: unescapeOctal(fstype),
    source: unescapeOctal(source),
    superOptions: (superOptions ?? '').split(',').map(unescapeOctal),
  };
}

/** The kernel writes space, tab, newline, backslash and # of a name as \ooo. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

export function readMountinfo(pid: number | 'self' = 'self'): Mount[] {
  const path = `/proc/${pid}/mountinfo`;
  return parseMountinfo(withErrno(path, () => readFileSync(path, 'utf8')));
}
