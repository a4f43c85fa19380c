import type { RegistryLogin } from './registry.ts';

/** A file of a tree that is sent one by one, parents before what is in them. It belongs to nobody yet: who receives it says whose it becomes. */
export interface SentFile {
  /** Relative, slash-separated. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'character' | 'block' | 'fifo';
  /** Permission bits, set-id and sticky bits included (07777). */
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** Of a symlink its text, of a link the path of the file that it is another name of; empty for others. */
  readonly target: string;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: Readonly<Record<string, Uint8Array>>;
  /** Exactly so many bytes are in `content`; 0 for what is no file. */
  readonly sizeBytes: number;
  /** To be read before the next file is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** What a step may ask of the client while its build runs. */
export interface BuildClient {
  /** null: it has no secret of this id. */
  secret(id: string, signal: AbortSignal): Promise<Uint8Array | null>;
  /** Whether it has an agent of this id. */
  hasAgent(id: string, signal: AbortSignal): Promise<boolean>;
  /** One conversation with the agent: what `from` has is said to it, what it says is yielded. */
  talkToAgent(id: string, from: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** What it proves to this registry who it is with; null: nothing. */
  login(registry: string, signal: AbortSignal): Promise<RegistryLogin | null>;
}
