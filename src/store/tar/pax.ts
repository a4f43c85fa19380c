import { badTar } from './header.ts';

/** What pax headers said: the last value of each key, and sparse extents in order (GNU 0.0 repeats its keys). */
export interface PaxRecords {
  readonly values: ReadonlyMap<string, Buffer>;
  readonly sparseNumbers: readonly number[];
}

export const noPax: PaxRecords = { values: new Map(), sparseNumbers: [] };

/** Reads `length key=value\n` records; values are raw bytes (pax(1), "pax Extended Header"). */
export function parsePax(data: Buffer): PaxRecords {
  const values = new Map<string, Buffer>();
  const sparseNumbers: number[] = [];
  let at = 0;
  while (at < data.length && data[at] !== 0) {
    const space = data.indexOf(0x20, at);
    if (space < 0 || space - at > 10) throw badTar('an extended header record has no length');
    const digits = data.toString('latin1', at, space);
    const length = /^\d+$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = data.indexOf(0x3d, space + 1);
    if (end > data.length || equals < 0 || equals >= end || data[end - 1] !== 0x0a) throw badTar('an extended header record is malformed');
    const key = data.toString('utf8', space + 1, equals);
    const value = data.subarray(equals + 1, end - 1);
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') sparseNumbers.push(paxNumber(key, value));
    values.set(key, value);
    at = end;
  }
  return { values, sparseNumbers };
}

/** Later records win; an empty value takes an earlier one back. */
export function mergePax(base: PaxRecords, over: PaxRecords): PaxRecords {
  if (base.values.size === 0) return over;
  return { values: new Map([...base.values, ...over.values]), sparseNumbers: over.sparseNumbers };
}

export function paxNumber(key: string, value: Buffer): number {
  const result = /^\d{1,16}$/.test(value.toString('latin1')) ? Number(value.toString('latin1')) : Number.NaN;
  if (!Number.isSafeInteger(result)) throw badTar(`extended header ${key} is no number`);
  return result;
}

/** Decimal seconds to nanoseconds; digits beyond the ninth are cut. */
export function paxTime(key: string, value: Buffer): bigint {
  const match = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(value.toString('latin1'));
  if (match === null) throw badTar(`extended header ${key} is no time`);
  const fraction = (match[3] ?? '').slice(0, 9).padEnd(9, '0');
  const magnitude = BigInt(match[2] ?? '0') * 1_000_000_000n + BigInt(fraction);
  return match[1] === '-' ? -magnitude : magnitude;
}

const none: ReadonlyMap<string, Buffer> = new Map();

/** star's and GNU's records hold raw values; libarchive's are named in URL encoding and hold base64. */
export function paxXattrs(records: PaxRecords): ReadonlyMap<string, Buffer> {
  let found: Map<string, Buffer> | undefined;
  for (const [key, value] of records.values) {
    if (key.startsWith('SCHILY.xattr.')) {
      found ??= new Map();
      found.set(checkedName(decodeKeyword(key.slice(13))), Buffer.from(value));
    } else if (key.startsWith('LIBARCHIVE.xattr.')) {
      found ??= new Map();
      const name = decodeName(key.slice(17));
      if (!found.has(name)) found.set(name, Buffer.from(value.toString('latin1'), 'base64'));
    }
  }
  return found ?? none;
}

/** A key ends at the first `=`, so GNU tar writes one inside an attribute's name as %3D, and % as %25. */
function decodeKeyword(name: string): string {
  return name.includes('%') ? name.replaceAll('%3D', '=').replaceAll('%25', '%') : name;
}

/** The inverse of what GNU tar and `paxXattrs` read. */
export function encodeKeyword(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('=', '%3D');
}

function decodeName(name: string): string {
  try {
    return checkedName(decodeURIComponent(name));
  } catch {
    throw badTar(`extended attribute name ${JSON.stringify(name.slice(0, 100))} is malformed`);
  }
}

function checkedName(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > 255) {
    throw badTar(`extended attribute name ${JSON.stringify(name.slice(0, 100))} is malformed`);
  }
  return name;
}
