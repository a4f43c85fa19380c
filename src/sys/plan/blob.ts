/** The part of a plan behind its records: texts and arrays, found by offset. */
export interface Blob {
  /** Adds a text and its NUL; gives its offset and its length in bytes without the NUL. */
  text(value: string): readonly [offset: number, length: number];
  /** Adds bytes at an offset divisible by eight, where the C side may read u64s. */
  array(bytes: Uint8Array): number;
  /** All that was added, its length divisible by eight. */
  finish(): Buffer;
}

export function createBlob(): Blob {
  let buffer = Buffer.alloc(2048);
  let used = 0;
  const reserve = (bytes: number): number => {
    const at = used;
    used += bytes;
    if (used > buffer.length) {
      const grown = Buffer.alloc(Math.max(used, buffer.length * 2));
      buffer.copy(grown);
      buffer = grown;
    }
    return at;
  };
  const align = (): void => {
    reserve((8 - (used % 8)) % 8);
  };
  return {
    text(value) {
      const length = Buffer.byteLength(value);
      const at = reserve(length + 1);
      buffer.write(value, at);
      return [at, length];
    },
    array(bytes) {
      align();
      const at = reserve(bytes.length);
      buffer.set(bytes, at);
      return at;
    },
    finish() {
      align();
      return buffer.subarray(0, used);
    },
  };
}
