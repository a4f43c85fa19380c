import { createRunningHash } from '../content/hash.ts';
import type { Digest } from '#oci';
import { type Addon, AT_FDCWD, O_DIRECTORY, O_PATH, S_IFMT, S_IFREG, S_IFSOCK } from '#sys';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import { beneath, inodeKey } from './pack-inode.ts';
import { packUpper } from './pack.ts';

/** What a tree is as a layer. */
export interface MeasuredLayer {
  readonly diffId: Digest;
  /** Bytes of file content. */
  readonly size: number;
}

/**
 * The digest of the tar that a tree packs to, without keeping a byte of it. Sockets, which tar knows nothing of, are taken away first: what is unpacked from the layer
 * elsewhere has none either.
 */
export async function measureLayer(addon: Addon, directory: string, signal?: AbortSignal): Promise<MeasuredLayer> {
  for (;;) {
    const sockets: ByteText[] = [];
    const counted = new Set<string>();
    let size = 0;
    const hash = createRunningHash('sha256');
    const leaveOut: NonNullable<Parameters<typeof packUpper>[2]>['leaveOut'] = (path, facts) => {
      const type = facts.mode & S_IFMT;
      if (type === S_IFSOCK) sockets.push(path);
      if (type !== S_IFREG || (facts.nlink > 1 && counted.has(inodeKey(facts)))) return false;
      if (facts.nlink > 1) counted.add(inodeKey(facts));
      size += facts.size;
      return false;
    };
    for await (const chunk of packUpper(addon, directory, { leaveOut })) {
      signal?.throwIfAborted();
      hash.update(chunk);
    }
    if (sockets.length === 0) return { diffId: hash.finish(), size };
    for (const path of sockets) unlinkBelow(addon, directory, path);
  }
}

function unlinkBelow(addon: Addon, directory: string, path: ByteText): void {
  const slash = path.lastIndexOf('/');
  const top = addon.openat2(AT_FDCWD, directory, O_PATH | O_DIRECTORY, 0, 0);
  try {
    const parent =
      slash < 0 ? addon.dup(top) : addon.openat2(top, fromByteText(path.slice(0, slash) as ByteText), O_PATH | O_DIRECTORY, 0, beneath);
    try {
      addon.unlinkat(parent, fromByteText(path.slice(slash + 1) as ByteText), 0);
    } finally {
      addon.close(parent);
    }
  } finally {
    addon.close(top);
  }
}
