import { randomInt } from 'node:crypto';

/** RFC 1035 3.2.2 and 3.2.3, RFC 3596, RFC 6891. */
export const recordType = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const classIn = 1;
const classAny = 255;

/** RFC 1035 4.1.1, RFC 6891 9. Codes above 15 need an OPT record to be told. */
export const responseCode = { OK: 0, MALFORMED: 1, FAILED: 2, NO_NAME: 3, UNKNOWN_OPERATION: 4, REFUSED: 5, BAD_VERSION: 16 } as const;

const flag = {
  response: 0x8000,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  checkingDisabled: 0x0010,
} as const;
const operationMask = 0x7800;
const headerBytes = 12;
const optBytes = 11;
/** What is safe from fragmentation everywhere (DNS flag day 2020), and what every client takes without EDNS. */
const largestUdp = 1232;
const smallestUdp = 512;
/** Seconds for which an answer of ours may be kept; as Docker's. */
const ttl = 600;

/** One question of a client, understood as far as it has to be: the rest of the message passes through untouched. */
export interface Query {
  readonly message: Uint8Array;
  readonly id: number;
  readonly flags: number;
  /** Labels with dots between them, in lower case, one character a byte; a dot inside a label is `\.`. The root is empty. */
  readonly name: string;
  readonly type: number;
  /** Whether it asks about the Internet: what our names are in. */
  readonly isInternet: boolean;
  /** Where the question section ends. */
  readonly end: number;
  /** Of its OPT record (RFC 6891), if it has one. */
  readonly edns?: { readonly size: number; readonly version: number; readonly flags: number };
}

/** A message that is no question: `code` is what is answered. */
export interface Rejected {
  readonly id: number;
  readonly flags: number;
  readonly code: number;
}

export function isRejected(parsed: Query | Rejected): parsed is Rejected {
  return 'code' in parsed;
}

/**
 * Reads a client's message: its header, its only question, and an OPT record directly behind it. At most 255 bytes of name are walked, no compression is followed
 * (a question has nothing to point to), records are skipped: hostile input costs what honest input does. null: not to be answered at all.
 */
export function parseQuery(message: Uint8Array): Query | Rejected | null {
  if (message.length < headerBytes) return null;
  const view = viewOf(message);
  const head = { id: view.getUint16(0), flags: view.getUint16(2) };
  // Who answers answers begins a conversation without an end.
  if ((head.flags & flag.response) !== 0) return null;
  if ((head.flags & operationMask) !== 0) return { ...head, code: responseCode.UNKNOWN_OPERATION };
  // RFC 9619: a query has one question.
  const question = view.getUint16(4) === 1 ? readName(message, headerBytes) : null;
  if (question === null || question.end + 4 > message.length) return { ...head, code: responseCode.MALFORMED };
  const end = question.end + 4;
  const hasRecords = view.getUint16(6) + view.getUint16(8) > 0;
  const edns = hasRecords || view.getUint16(10) === 0 ? undefined : readOpt(view, end);
  if (edns === null) return { ...head, code: responseCode.MALFORMED };
  const asked = view.getUint16(question.end + 2);
  const query = {
    ...head,
    message,
    name: question.name,
    type: view.getUint16(question.end),
    isInternet: asked === classIn || asked === classAny,
  };
  return { ...query, end, ...(edns === undefined ? {} : { edns }) };
}

function readName(message: Uint8Array, start: number): { name: string; end: number } | null {
  const labels: string[] = [];
  for (let at = start; at - start < 255; ) {
    const length = message[at];
    if (length === undefined || length > 63 || at + length >= message.length) return null;
    if (length === 0) return { name: labels.join('.'), end: at + 1 };
    labels.push(readLabel(message.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return null;
}

function readLabel(bytes: Uint8Array): string {
  return foldName(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').replaceAll('.', '\\.'));
}

/** Names are compared without regard to the case of ASCII letters, and of nothing else (RFC 4343). */
export function foldName(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** undefined: the first record is another; null: it is cut off. */
function readOpt(view: DataView, at: number): Query['edns'] | null {
  if (at + optBytes > view.byteLength) return null;
  if (view.getUint8(at) !== 0 || view.getUint16(at + 1) !== recordType.OPT) return undefined;
  if (at + optBytes + view.getUint16(at + 9) > view.byteLength) return null;
  return { size: view.getUint16(at + 3), version: view.getUint8(at + 6), flags: view.getUint16(at + 7) };
}

/** A record of an answer about the name that was asked for. */
export interface AnswerRecord {
  readonly type: number;
  readonly data: Uint8Array;
}

/** The header alone, for what could not be understood. */
export function formatRejection({ id, flags, code }: Rejected): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(answerFlags(flags) | code, 2);
  return bytes;
}

/** An answer that fits into `limit` bytes; when records had to be left out it says so (TC), and the client asks again over TCP. */
export function formatAnswer(query: Query, code: number, records: readonly AnswerRecord[] = [], limit = sizeLimit(query)): Buffer {
  const sizes = records.map((record) => 12 + record.data.length);
  const room = limit - query.end - (query.edns === undefined ? 0 : optBytes);
  let [used, count] = [0, 0];
  for (const size of sizes) {
    used += size;
    if (used <= room) count += 1;
  }
  const fitting = records.slice(0, count);
  const parts = [head(query, code, fitting.length, fitting.length < records.length), ...fitting.map((record) => formatRecord(record))];
  return Buffer.concat(query.edns === undefined ? parts : [...parts, formatOpt(code, query.edns.flags)]);
}

/** What a client can take in one datagram. */
export function sizeLimit(query: Query, atMost: number = largestUdp): number {
  return Math.min(Math.max(query.edns?.size ?? smallestUdp, smallestUdp), atMost);
}

function head(query: Query, code: number, answers: number, truncated: boolean): Buffer {
  const bytes = Buffer.alloc(query.end);
  bytes.set(query.message.subarray(headerBytes, query.end), headerBytes);
  bytes.writeUInt16BE(query.id, 0);
  bytes.writeUInt16BE(answerFlags(query.flags) | (truncated ? flag.truncated : 0) | (code & 0xf), 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(answers, 6);
  bytes.writeUInt16BE(query.edns === undefined ? 0 : 1, 10);
  return bytes;
}

function answerFlags(asked: number): number {
  return flag.response | flag.recursionAvailable | (asked & (operationMask | flag.recursionDesired | flag.checkingDisabled));
}

/** Its name is a pointer to the question's. */
function formatRecord({ type, data }: AnswerRecord): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt16BE(0xc000 | headerBytes, 0);
  bytes.writeUInt16BE(type, 2);
  bytes.writeUInt16BE(classIn, 4);
  bytes.writeUInt32BE(ttl, 6);
  bytes.writeUInt16BE(data.length, 10);
  bytes.set(data, 12);
  return bytes;
}

function formatOpt(code: number, flags: number): Buffer {
  const bytes = Buffer.alloc(optBytes);
  bytes.writeUInt16BE(recordType.OPT, 1);
  bytes.writeUInt16BE(largestUdp, 3);
  bytes.writeUInt8(code >> 4, 5);
  // Of the flags only "DNSSEC OK" is repeated (RFC 3225 3).
  bytes.writeUInt16BE(flags & 0x8000, 7);
  return bytes;
}

/** A name as the data of a record; null when it is none that DNS can carry. */
export function formatName(name: string): Buffer | null {
  const labels = name.split('.').map((label) => Buffer.from(label));
  if (labels.some((label) => label.length === 0 || label.length > 63)) return null;
  const bytes = Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0)]);
  return bytes.length > 255 ? null : bytes;
}

/** The same message under another id. */
export function withId(message: Uint8Array, id: number): Buffer {
  const bytes = Buffer.from(message);
  bytes.writeUInt16BE(id, 0);
  return bytes;
}

/** An id that nobody can guess. */
export function newId(): number {
  return randomInt(0x10000);
}

export function codeOf(message: Uint8Array): number {
  return viewOf(message).getUint16(2) & 0xf;
}

export function isTruncated(message: Uint8Array): boolean {
  return (viewOf(message).getUint16(2) & flag.truncated) !== 0;
}

/** Whether a server's message answers the query that was sent to it under `id`. A server that did not understand may leave the question out. */
export function isAnswer(query: Query, id: number, message: Uint8Array): boolean {
  if (message.length < headerBytes) return false;
  const view = viewOf(message);
  const flags = view.getUint16(2);
  if (view.getUint16(0) !== id || (flags & flag.response) === 0 || (flags & operationMask) !== (query.flags & operationMask)) return false;
  if (view.getUint16(4) === 0) return (flags & 0xf) !== 0;
  if (view.getUint16(4) !== 1 || message.length < query.end) return false;
  const name = readName(message, headerBytes);
  if (name === null || name.end + 4 !== query.end || name.name !== query.name) return false;
  return Buffer.compare(message.subarray(name.end, query.end), query.message.subarray(name.end, query.end)) === 0;
}

/** A server's answer as the client may have it: under the client's id, and cut off to its head when it is longer than `limit` bytes. */
export function passOn(query: Query, answer: Uint8Array, limit: number): Buffer {
  if (answer.length <= limit) return withId(answer, query.id);
  return Buffer.concat([head(query, codeOf(answer), 0, true), ...(query.edns === undefined ? [] : [formatOpt(0, query.edns.flags)])]);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
