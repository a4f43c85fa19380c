import type { ImageView, Kind } from '#wire';

/** What the image routes need of the engine. */
export interface ImageBackend {
  readonly images: {
    list(options: { all?: boolean; filters?: Readonly<Record<string, readonly string[]>> }): ImageView[];
    inspect(ref: string, platform?: string): ImageView;
    remove(ref: string, options: { force?: boolean }): Promise<{ untagged: string[]; deleted: string[] }>;
    tag(ref: string, name: string): Promise<void>;
    importRoot(
      source: AsyncIterable<Uint8Array>,
      options: { name?: string; message?: string; changes?: readonly string[]; kind?: Kind },
    ): Promise<string>;
  };
}
