import { OrlopError } from '#errors';
import { type ByteText, isAscii, showByteText } from './byte-text.ts';
import { encodeKeyword } from './pax.ts';
import { blockSize, type TarEntry, type TarType } from './header.ts';

const typeflags: Readonly<Record<TarType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

const maxOctal7 = 0o7777777;
const maxOctal11 = 0o77777777777;

/**
 * The header blocks of one entry: ustar, after a pax header for what ustar cannot say (long or non-ASCII names, big numbers, fractions of
 * seconds, extended attributes). The same entry gives the same bytes. `size` bytes of data and `padding(size)` must follow a file:
 * holes are written out, for readers that know no sparse files.
 */
export function formatTarEntry(entry: TarEntry): Buffer {
  const path = entry.type === 'directory' && !entry.path.endsWith('/') ? (`${entry.path}/` as ByteText) : entry.path;
  if (path.includes('\0') || entry.linkTarget.includes('\0')) {
    throw new OrlopError('invalid-argument', 'STORE_BAD_TAR_ENTRY', `file name ${showByteText(path)} contains NUL`);
  }
  const records = paxRecordsFor(entry, path);
  const header = formatHeader(entry, path);
  if (records.length === 0) return header;
  const body = Buffer.concat(records);
  const name = `PaxHeaders/${path.slice(0, 80)}`.replace(/[^ -~]/g, '_').replace(/\/$/, '') as ByteText;
  const about = formatHeader({ ...plain, size: body.length }, name, 'x');
  return Buffer.concat([about, body, padding(body.length), header]);
}

/** Zeros up to the next block. */
export function padding(size: number): Buffer {
  const over = size % blockSize;
  return over === 0 ? Buffer.alloc(0) : Buffer.alloc(blockSize - over);
}

/** The two zero blocks that end an archive. */
export function endOfArchive(): Buffer {
  return Buffer.alloc(2 * blockSize);
}

const plain: TarEntry = {
  path: '' as ByteText,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNs: 0n,
  linkTarget: '' as ByteText,
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

/** Fills in what an entry need not say: owned by root, made at the epoch, without attributes. */
export function createTarEntry(entry: Partial<TarEntry> & { readonly path: ByteText; readonly type: TarType }): TarEntry {
  return { ...plain, ...entry };
}

function paxRecordsFor(entry: TarEntry, path: ByteText): Buffer[] {
  const records: Buffer[] = [];
  const add = (key: string, value: Buffer): void => {
    records.push(formatRecord(key, value));
  };
  const addText = (key: string, value: string): void => add(key, Buffer.from(value, 'latin1'));
  for (const name of [...entry.xattrs.keys()].sort()) add(`SCHILY.xattr.${encodeKeyword(name)}`, entry.xattrs.get(name) as Buffer);
  if (entry.gid > maxOctal7) addText('gid', String(entry.gid));
  if (!fitsName(entry.linkTarget)) addText('linkpath', entry.linkTarget);
  if (entry.mtimeNs < 0n || entry.mtimeNs % 1_000_000_000n !== 0n || entry.mtimeNs / 1_000_000_000n > BigInt(maxOctal11)) {
    addText('mtime', formatTime(entry.mtimeNs));
  }
  if (!fitsName(path)) addText('path', path);
  if (entry.size > maxOctal11) addText('size', String(entry.size));
  if (entry.uid > maxOctal7) addText('uid', String(entry.uid));
  return records;
}

function fitsName(name: ByteText): boolean {
  return name.length <= 100 && isAscii(name);
}

/** The length counts itself. */
function formatRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function formatTime(ns: bigint): string {
  const magnitude = ns < 0n ? -ns : ns;
  const fraction = (magnitude % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${ns < 0n ? '-' : ''}${magnitude / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}

function formatHeader(entry: TarEntry, path: ByteText, typeflag = typeflags[entry.type]): Buffer {
  const block = Buffer.alloc(blockSize);
  const seconds = entry.mtimeNs < 0n ? 0 : Number(entry.mtimeNs / 1_000_000_000n);
  block.write(path.slice(0, 100), 0, 'latin1');
  octal(block, 100, 8, entry.mode & 0o7777);
  octal(block, 108, 8, entry.uid > maxOctal7 ? 0 : entry.uid);
  octal(block, 116, 8, entry.gid > maxOctal7 ? 0 : entry.gid);
  octal(block, 124, 12, entry.type !== 'file' || entry.size > maxOctal11 ? 0 : entry.size);
  octal(block, 136, 12, seconds > maxOctal11 ? 0 : seconds);
  block.write(typeflag, 156, 'latin1');
  block.write(entry.linkTarget.slice(0, 100), 157, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  if (entry.type === 'character' || entry.type === 'block') {
    octal(block, 329, 8, entry.major);
    octal(block, 337, 8, entry.minor);
  }
  let sum = 8 * 0x20;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, start: number, width: number, value: number): void {
  const digits = value.toString(8);
  if (digits.length > width - 1)
    throw new OrlopError('invalid-argument', 'STORE_BAD_TAR_ENTRY', `the number ${value} does not fit a tar header`);
  block.write(`${digits.padStart(width - 1, '0')}\0`, start, 'latin1');
}
