import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { isOrlopError, OrlopError } from '#errors';
import type { LayerCompression } from '#oci';
import { filterThrough } from '#sys';

/** What archives come packed with: what OCI layers may be, and what only programs of the host unpack. */
export type Compression = LayerCompression | 'xz' | 'bzip2' | 'lz4';

const zstdMagic = 0xfd2fb528;
const magics: readonly (readonly [bytes: string, name: 'xz' | 'bzip2' | 'lz4'])[] = [
  ['\xfd7zXZ\0', 'xz'],
  ['BZh', 'bzip2'],
  ['\x04\x22\x4d\x18', 'lz4'],
];

/** The Debian package that has the program. Memory is bounded: `xz -9` needs 65 MiB to unpack. */
const programs = {
  xz: { args: ['--decompress', '--stdout', '--memlimit-decompress=512MiB'], package: 'xz-utils' },
  bzip2: { args: ['--decompress', '--stdout'], package: 'bzip2' },
  lz4: { args: ['-d', '-c'], package: 'lz4' },
} as const;

/** Tells by the first bytes (RFC 1952, RFC 8878, the xz, bzip2 and lz4 formats); `none` for all else. */
export function detectCompression(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  const start = Buffer.from(head.subarray(0, 8));
  if (start.length >= 4) {
    const word = start.readUInt32LE(0);
    // A skippable frame may come first (RFC 8878, 3.1.2).
    if (word === zstdMagic || (word & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd';
  }
  return magics.find(([bytes]) => start.toString('latin1').startsWith(bytes))?.[1] ?? 'none';
}

/**
 * The bytes unpacked, whatever they were packed with: gzip and zstd on the thread pool, xz, bzip2 and lz4 by the host's programs. Damaged input fails with
 * data-loss `STORE_BAD_COMPRESSION`, a program that the host does not have with failed-precondition `STORE_NO_UNPACKER`.
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const head = await readHead(iterator);
    const compression = detectCompression(head);
    const whole = prepend(head, iterator);
    if (compression === 'none') yield* whole;
    else if (compression === 'gzip' || compression === 'zstd') yield* inflate(whole, compression);
    else yield* unpackByProgram(whole, compression);
  } finally {
    // Not awaited: a source that is stuck would hide the error.
    iterator.return?.().catch(() => undefined);
  }
}

/** Big reads: hashing and inflating cost less a byte. */
export function readFileChunks(path: string): AsyncIterable<Buffer> {
  return createReadStream(path, { highWaterMark: 512 * 1024 }) as AsyncIterable<Buffer>;
}

const blockBytes = 1024 * 1024;

/** The same for a thread that has nothing else to do: blocking reads into one buffer, each good until the next is asked for. */
export async function* readFileBlocks(path: string): AsyncIterable<Buffer> {
  const descriptor = openSync(path, 'r');
  try {
    const block = Buffer.allocUnsafeSlow(blockBytes);
    for (let length = readSync(descriptor, block); length > 0; length = readSync(descriptor, block)) yield block.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

async function* inflate(source: AsyncIterable<Buffer>, compression: 'gzip' | 'zstd'): AsyncIterable<Buffer> {
  const chunkSize = 256 * 1024;
  // Layers packed with `zstd --long` need a window of up to 128 MiB.
  const decoder =
    compression === 'gzip'
      ? createGunzip({ chunkSize })
      : createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: 27 } });
  let sourceError: Error | undefined;
  const feed = async (): Promise<void> => {
    try {
      // One write at a time: the source may reuse its buffer.
      for await (const chunk of source) if (!(await isTaken(decoder, chunk))) return;
      decoder.end();
    } catch (error) {
      sourceError = error as Error;
      decoder.destroy(sourceError);
    }
  };
  void feed();
  try {
    yield* decoder as AsyncIterable<Buffer>;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    const reason = error instanceof Error ? error.message : String(error);
    throw new OrlopError('data-loss', 'STORE_BAD_COMPRESSION', `damaged ${compression} data: ${reason}`, { cause: error });
  } finally {
    decoder.destroy();
  }
}

/** Resolves when the stream is done with the chunk; false when it failed or was closed, for then it never calls back. */
function isTaken(stream: Writable, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const onClose = (): void => resolve(false);
    stream.once('close', onClose);
    stream.write(chunk, (error) => {
      stream.off('close', onClose);
      resolve(error === null || error === undefined);
    });
  });
}

async function* unpackByProgram(source: AsyncIterable<Buffer>, format: keyof typeof programs): AsyncIterable<Buffer> {
  try {
    yield* filterThrough(format, programs[format].args, source);
  } catch (error) {
    if (!isOrlopError(error)) throw error;
    if (error.code === 'SYS_PROGRAM_MISSING') {
      throw new OrlopError(
        'failed-precondition',
        'STORE_NO_UNPACKER',
        `this is packed with ${format}, and this host has no program ${format}`,
        {
          hint: `install it (Debian: apt install ${programs[format].package}), or use gzip, zstd or none`,
          cause: error,
        },
      );
    }
    if (error.code !== 'SYS_FILTER_FAILED') throw error;
    throw new OrlopError('data-loss', 'STORE_BAD_COMPRESSION', `damaged ${format} data: ${error.message}`, { cause: error });
  }
}

async function readHead(iterator: AsyncIterator<Uint8Array>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 8) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    head = head.length === 0 ? asBuffer(value) : Buffer.concat([head, value]);
  }
  return head;
}

async function* prepend(head: Buffer, iterator: AsyncIterator<Uint8Array>): AsyncIterable<Buffer> {
  if (head.length > 0) yield head;
  for (;;) {
    const { done, value } = await iterator.next();
    if (done === true) return;
    yield asBuffer(value);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
