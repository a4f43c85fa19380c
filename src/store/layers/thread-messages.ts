import type { PlainError } from '#sys';
import type { UnpackJob, UnpackResult } from './unpack-job.ts';

/** To the worker. Chunks are sent only when asked for, so that at most a few wait. */
export type ToWorker =
  | { readonly type: 'job'; readonly job: UnpackJob; readonly file: string | null; readonly cancelled: SharedArrayBuffer }
  | { readonly type: 'chunk'; readonly chunk: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'broken' };

/** From the worker. */
export type FromWorker =
  | { readonly type: 'want' }
  | { readonly type: 'read'; readonly bytes: number }
  | { readonly type: 'done'; readonly result: UnpackResult }
  | { readonly type: 'failed'; readonly error: PlainError };
