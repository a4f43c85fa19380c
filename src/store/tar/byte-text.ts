/**
 * Bytes as text, one character a byte (latin1): file names in tar and on Linux are bytes, and need not be UTF-8. Good as a key, compared
 * bytewise; `fromByteText` gives the bytes, `showByteText` what people read.
 */
export type ByteText = string & { readonly __bytes: true };

/** Of UTF-8 text. */
export function toByteText(text: string): ByteText {
  return (isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')) as ByteText;
}

export function byteTextOf(bytes: Buffer): ByteText {
  return bytes.toString('latin1', 0, bytes.length) as ByteText;
}

/** As system calls want it: the text itself when it is plain ASCII, else its bytes. */
export function fromByteText(text: ByteText): string | Buffer {
  return isAscii(text) ? text : Buffer.from(text, 'latin1');
}

export function showByteText(text: ByteText): string {
  const shown = Buffer.from(text, 'latin1').toString('utf8');
  return JSON.stringify(shown.length > 200 ? `${shown.slice(0, 200)}…` : shown);
}

export function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}
