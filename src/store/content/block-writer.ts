import type { FileHandle } from 'node:fs/promises';

/** Writes a file from its start to its end while the caller goes on. */
export interface BlockWriter {
  /** The chunk is the caller's again when this resolves. Rejects with what is wrong with an earlier one, too. */
  write(chunk: Uint8Array): Promise<void>;
  /** All is on disk. */
  finish(): Promise<void>;
}

const blockBytes = 512 * 1024;

/** Two blocks: one is being filled while the other is being written. */
export function createBlockWriter(file: Pick<FileHandle, 'write' | 'datasync'>): BlockWriter {
  let block: Buffer | null = null;
  let spare: Buffer | null = null;
  let filled = 0;
  let writing = Promise.resolve();
  const send = async (data: Uint8Array): Promise<void> => {
    await writing;
    writing = writeAll(file, data);
    // Whoever awaits it sees the failure. When something else goes wrong first, nobody does.
    writing.catch(() => undefined);
  };
  return {
    async write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        block ??= Buffer.allocUnsafeSlow(blockBytes);
        const take = Math.min(chunk.length - at, blockBytes - filled);
        block.set(chunk.subarray(at, at + take), filled);
        at += take;
        filled += take;
        if (filled < blockBytes) return;
        await send(block);
        [block, spare] = [spare, block];
        filled = 0;
      }
    },
    async finish() {
      if (block !== null && filled > 0) await send(block.subarray(0, filled));
      await writing;
      await file.datasync();
    },
  };
}

async function writeAll(file: Pick<FileHandle, 'write'>, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length; ) at += (await file.write(data, at)).bytesWritten;
}
