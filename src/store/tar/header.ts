import { OrlopError } from '#errors';
import { type ByteText, byteTextOf } from './byte-text.ts';

export const blockSize = 512;

export type TarType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

/** Data at `offset` of the real file, `length` bytes long; all between is a hole. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** One file of an archive, whatever dialect described it. */
export interface TarEntry {
  readonly path: ByteText;
  readonly type: TarType;
  /** Permission bits, set-id and sticky bits included (07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the real file, holes included; 0 for what is no file. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Target of a link or symlink; empty for others. */
  readonly linkTarget: ByteText;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** Present on sparse files. */
  readonly extents?: readonly Extent[];
}

/** A header block as it stands, before extended headers change it. */
export interface RawHeader {
  readonly name: ByteText;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly typeflag: string;
  readonly linkname: ByteText;
  readonly major: number;
  readonly minor: number;
}

export function badTar(what: string): OrlopError {
  return new OrlopError('invalid-argument', 'STORE_BAD_TAR', `tar archive: ${what}`);
}

export function isZeroBlock(block: Buffer): boolean {
  for (let at = 0; at < blockSize; at += 1) if (block[at] !== 0) return false;
  return true;
}

export function roundUpToBlock(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

/** Reads one header block in any dialect (v7, ustar, star, GNU, pax). `position` is where it stands in the archive, for errors. */
export function parseRawHeader(block: Buffer, position: number): RawHeader {
  checkSum(block, position);
  const magic = block.toString('latin1', 257, 265);
  const posix = magic.startsWith('ustar\0');
  const short = text(block, 0, 100);
  const starred = block.toString('latin1', 508, 512) === 'tar\0';
  const prefix = posix ? text(block, 345, starred ? 131 : 155) : ('' as ByteText);
  const hasDevice = posix || magic === 'ustar  \0';
  return {
    name: prefix === '' ? short : (`${prefix}/${short}` as ByteText),
    mode: number(block, 100, 8, 'mode', position),
    uid: number(block, 108, 8, 'uid', position),
    gid: number(block, 116, 8, 'gid', position),
    size: number(block, 124, 12, 'size', position),
    mtime: number(block, 136, 12, 'mtime', position),
    typeflag: String.fromCharCode(block[156] ?? 0),
    linkname: text(block, 157, 100),
    major: hasDevice ? number(block, 329, 8, 'devmajor', position) : 0,
    minor: hasDevice ? number(block, 337, 8, 'devminor', position) : 0,
  };
}

/** Octal text, or base-256 when the first bit is set (GNU); exact up to 2^53. */
export function number(block: Buffer, start: number, length: number, field: string, position: number): number {
  const first = block[start] ?? 0;
  if (first & 0x80) return binaryNumber(block, start, length, field, position);
  let at = start;
  const end = start + length;
  while (at < end && block[at] === 0x20) at += 1;
  let value = 0;
  for (; at < end; at += 1) {
    const byte = block[at] ?? 0;
    if (byte === 0 || byte === 0x20) break;
    if (byte < 0x30 || byte > 0x37) throw badTar(`${field} of the header at byte ${position} is no number`);
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function binaryNumber(block: Buffer, start: number, length: number, field: string, position: number): number {
  const negative = block[start] === 0xff;
  let value = negative ? -1n : BigInt((block[start] ?? 0) & 0x7f);
  for (let at = start + 1; at < start + length; at += 1) value = (value << 8n) | BigInt(block[at] ?? 0);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw badTar(`${field} of the header at byte ${position} is out of range`);
  return result;
}

function text(block: Buffer, start: number, length: number): ByteText {
  const end = block.indexOf(0, start);
  return byteTextOf(block.subarray(start, end < 0 || end > start + length ? start + length : end));
}

/** The sum counts its own field as spaces; some old tars summed signed bytes. */
function checkSum(block: Buffer, position: number): void {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let at = 0; at < blockSize; at += 1) {
    if (at >= 148 && at < 156) continue;
    const byte = block[at] ?? 0;
    unsigned += byte;
    if (byte > 127) high += 256;
  }
  const stored = number(block, 148, 8, 'checksum', position);
  if (stored !== unsigned && stored !== unsigned - high) throw badTar(`the header at byte ${position} has a wrong checksum`);
}
