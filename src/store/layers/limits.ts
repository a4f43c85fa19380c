import { OrlopError } from '#errors';
import { showByteText } from '../tar/byte-text.ts';
import type { TarEntry } from '../tar/header.ts';

/** What one layer may unpack to. An archive that exceeds one of these fails with resource-exhausted `STORE_LAYER_TOO_LARGE`. */
export interface UnpackLimits {
  readonly entries: number;
  /** Of file content, without holes. */
  readonly bytes: number;
  /** Directories above an entry. */
  readonly depth: number;
  /** Bytes unpacked for each byte packed, looked at once more than 256 MiB came out. */
  readonly ratio: number;
}

/** Far above what images are, far below what hurts: gzip cannot exceed a ratio of 1032, zstd of a real tree stays below 100. */
export const defaultLimits: UnpackLimits = { entries: 5_000_000, bytes: 512 * 1024 ** 3, depth: 512, ratio: 2000 };

const ratioFromBytes = 256 * 1024 * 1024;

export interface EntryMeter {
  entry(entry: TarEntry): void;
  data(bytes: number): void;
}

export function createEntryMeter(limits: UnpackLimits): EntryMeter {
  let entries = 0;
  let bytes = 0;
  return {
    entry({ path }) {
      if (++entries > limits.entries) throw tooLarge(`it has more than ${limits.entries} entries`);
      if (path.length > limits.depth * 2 && path.split('/').length > limits.depth)
        throw tooLarge(`entry ${showByteText(path)} is more than ${limits.depth} directories deep`);
    },
    data(more) {
      bytes += more;
      if (bytes > limits.bytes) throw tooLarge(`its files have more than ${limits.bytes} bytes`);
    },
  };
}

/** Counts on both sides of the decompressor. */
export interface RatioMeter {
  packed(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  unpacked(bytes: number): void;
}

export function createRatioMeter({ ratio }: UnpackLimits): RatioMeter {
  let packedBytes = 0;
  let unpackedBytes = 0;
  return {
    async *packed(source) {
      for await (const chunk of source) {
        packedBytes += chunk.length;
        yield chunk;
      }
    },
    unpacked(bytes) {
      unpackedBytes += bytes;
      if (unpackedBytes > ratioFromBytes && unpackedBytes > packedBytes * ratio)
        throw tooLarge(`${packedBytes} bytes unpack to more than ${ratio} times as many`);
    },
  };
}

function tooLarge(what: string): OrlopError {
  return new OrlopError('resource-exhausted', 'STORE_LAYER_TOO_LARGE', `this layer is too large to be unpacked: ${what}`, {
    hint: 'if it is meant to be so, raise the limits of layers in the configuration of the engine',
  });
}
