import type { DiskView, ImageView, Kind } from '#wire';

/** What the image routes need of the engine. */
export interface ImageBackend {
  readonly disk: { usage(): Promise<DiskView> };
  readonly images: {
    list(options: { all?: boolean; filters?: Readonly<Record<string, readonly string[]>> }): ImageView[];
    inspect(ref: string, platform?: string): ImageView;
    remove(ref: string, options: { force?: boolean }): Promise<{ untagged: string[]; deleted: string[] }>;
    tag(ref: string, name: string): Promise<void>;
    /** A file of the web, as it comes. */
    download(url: URL, signal: AbortSignal): AsyncIterable<Uint8Array>;
    importRoot(
      source: AsyncIterable<Uint8Array>,
      options: { name?: string; message?: string; changes?: readonly string[]; kind?: Kind; platform?: string },
    ): Promise<string>;
  };
}
