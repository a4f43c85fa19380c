import { writeSync } from 'node:fs';
import { isErrno } from '#errors';

/**
 * Writes text to standard output (1) or error (2), at once and not through process.stdout, whose making takes longer than the rest of a short command. A
 * reader that has gone away is nobody's fault.
 */
export function print(descriptor: 1 | 2, text: string): void {
  try {
    let bytes = Buffer.from(text);
    while (bytes.length > 0) bytes = bytes.subarray(writeSync(descriptor, bytes));
  } catch (error) {
    if (!isErrno(error, 'EPIPE')) throw error;
  }
}
