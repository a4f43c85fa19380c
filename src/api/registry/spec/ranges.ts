/** Bytes from `start` to `end`, both within. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * A Range header of RFC 9110 section 14.2 against content of this size: the one range, `unsatisfiable`, or null when the whole is to be sent
 * (no header, a unit or form that is not known, or several ranges, which a server may ignore).
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header ?? '');
  if (match === null) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  if (first === '') return Number(last) === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - Number(last)), end: size - 1 };
  if (Number(first) >= size || (last !== '' && Number(last) < Number(first))) return 'unsatisfiable';
  return { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

/** The Content-Range of a chunk, `START-END` (distribution-spec "Pushing a blob in chunks"; `bytes ` before it is let pass). Null when it is malformed. */
export function parseChunkRange(header: string): ByteRange | null {
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\*|\d{1,15}))?$/.exec(header);
  if (match === null) return null;
  const [start, end] = [Number(match[1]), Number(match[2])];
  return end < start ? null : { start, end };
}

/** The Range header of an upload of which this much has arrived. The spec has no way to say "nothing"; like the others we say `0-0`. */
export function formatUploadRange(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}

/** Whether an If-None-Match header names this entity tag (weak comparison, RFC 9110 section 13.1.2). */
export function matchesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag);
}
