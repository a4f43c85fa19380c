import type { LxdImageResult, LxdImport } from '#wire';
import { followProgress } from './progress.ts';
import type { FollowOptions } from './system.ts';
import type { Transport } from './transport/transport.ts';

export interface LxdImportOptions extends FollowOptions {
  readonly name?: string | undefined;
  /** How many bytes of the upload are a metadata tarball; its root follows. All are a unified tarball without it. */
  readonly metadataBytes?: number;
}

/** Images that were made for LXD and Incus. */
export interface LxdClient {
  readonly lxd: {
    /** Resolves with the image's id and its name, null without one. */
    import(upload: LxdImport['metadata'], options?: LxdImportOptions): Promise<LxdImageResult>;
    /** The newest image that `images:debian/12` means, and what it is called here. */
    fetch(source: string, options?: FollowOptions): Promise<LxdImageResult>;
  };
}

export function createLxdClient(transport: Transport): LxdClient {
  const follow = async (
    path: string,
    sent: Partial<Parameters<Transport['request']>[0]>,
    { progress = () => {}, signal }: FollowOptions,
  ): Promise<LxdImageResult> =>
    followProgress<LxdImageResult>(
      await transport.request({ method: 'POST', path, ...sent, ...(signal === undefined ? {} : { signal }) }),
      progress,
    );
  return {
    lxd: {
      import: (upload, { name, metadataBytes, ...options } = {}) =>
        follow('/orlop/v1/lxd/import', { upload, query: { name, metadataBytes } }, options),
      fetch: (source, options = {}) => follow('/orlop/v1/lxd/fetch', { json: { source } }, options),
    },
  };
}
