import type { FileEntry, FileType } from '#wire';

const letters: Readonly<Record<FileType, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  character: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
};

/** Lines as `ls -ln --time-style=long-iso` has them, columns as wide as they need to be. */
export function formatFiles(entries: readonly FileEntry[]): string {
  const rows = entries.map((entry) => [
    formatMode(entry),
    String(entry.links),
    String(entry.uid),
    String(entry.gid),
    entry.device === null ? String(entry.sizeBytes) : entry.device.join(', '),
    formatMoment(entry.modifiedMs),
    `${visible(entry.name)}${entry.target === null ? '' : ` -> ${visible(entry.target)}`}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((at) => Math.max(0, ...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) => `${row.map((cell, at) => (at < widths.length ? cell.padStart(widths[at] ?? 0) : cell)).join(' ')}\n`).join('');
}

/** `-rwsr-xr-t` (ls(1)). */
export function formatMode({ type, mode }: Pick<FileEntry, 'type' | 'mode'>): string {
  const triple = (shift: number, special: number, letter: string): string => {
    const bits = (mode >> shift) & 7;
    const executable = (bits & 1) !== 0;
    const last = (mode & special) === 0 ? (executable ? 'x' : '-') : executable ? letter : letter.toUpperCase();
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`;
  };
  return `${letters[type]}${triple(6, 0o4000, 's')}${triple(3, 0o2000, 's')}${triple(0, 0o1000, 't')}`;
}

/** In the time zone of who looks. */
function formatMoment(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Names are a guest's: what could drive a terminal, or begin a new line, is shown as `?`. */
function visible(name: string): string {
  return name.replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, '?');
}
