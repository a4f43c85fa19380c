import { OrlopError } from '#errors';

/** ctrl-P ctrl-Q. */
export const defaultDetachKeys: readonly number[] = [16, 17];

/**
 * Keys that leave an attached container running, in Docker's notation: a comma separated list of single characters, `DEL`, and `ctrl-` with a small letter,
 * `@`, `[`, `\`, `]`, `^` or `_`. The empty text is the default. Anything else is invalid-argument;
 * Docker calls them escape keys where it refuses those of an exec.
 */
export function parseDetachKeys(text: string, called: 'detach' | 'escape' = 'detach'): readonly number[] {
  if (text === '') return defaultDetachKeys;
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 64;
    if (key === 'DEL') return 127;
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    throw new OrlopError('invalid-argument', 'WIRE_BAD_DETACH_KEYS', `Invalid ${called} keys (${text}) provided`, {
      hint: 'give a list such as ctrl-p,ctrl-q',
    });
  });
}

export interface DetachScanner {
  /** What of the typed bytes goes on to the process, and whether the last of the keys has been typed (the rest is dropped). */
  push(chunk: Uint8Array): { readonly pass: Uint8Array; readonly detached: boolean };
}

/** Watches typed bytes for the sequence. The start of it is held back until the next key tells; what turns out to be something else is passed on. */
export function createDetachScanner(keys: readonly number[]): DetachScanner {
  let held: number[] = [];
  const fits = (): boolean => held.every((byte, at) => byte === keys[at]);
  const push = (chunk: Uint8Array): { pass: Uint8Array; detached: boolean } => {
    const pass: number[] = [];
    for (const byte of chunk) {
      held.push(byte);
      while (!fits()) pass.push(held.shift() as number);
      if (held.length === keys.length) {
        held = [];
        return { pass: Uint8Array.from(pass), detached: true };
      }
    }
    return { pass: Uint8Array.from(pass), detached: false };
  };
  return { push };
}
