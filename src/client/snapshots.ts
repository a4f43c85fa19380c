import type {
  CopyRequest,
  CopyResult,
  PathChange,
  PublishRequest,
  RebuildRequest,
  SnapshotRequest,
  SnapshotsBody,
  SnapshotSchedule,
  SnapshotScheduleChange,
} from '#wire';
import { readJson, readText } from './answers.ts';
import type { Transport } from './transport/transport.ts';

/** Snapshots of containers. `ref` is a container's name, id, or an unambiguous start of one; `name` that of one of its snapshots, or the start of its id. */
export interface SnapshotsClient {
  /** Resolves with its name. */
  take(ref: string, request?: SnapshotRequest): Promise<string>;
  list(ref: string): Promise<SnapshotsBody>;
  /** conflict when the container runs, unless `restart`. */
  restore(ref: string, name: string, options?: { readonly restart?: boolean }): Promise<void>;
  rename(ref: string, name: string, to: string): Promise<void>;
  change(ref: string, name: string, change: { readonly comment?: string; readonly expiresInMs?: number | null }): Promise<void>;
  remove(ref: string, name: string): Promise<void>;
  /** What differs from it to another one, or to the container as it is. */
  changes(ref: string, name: string, to?: string): Promise<readonly PathChange[]>;
  setSchedule(ref: string, change: SnapshotScheduleChange): Promise<SnapshotSchedule>;
  /** Another container like it; it is not started. */
  copy(ref: string, request?: CopyRequest): Promise<CopyResult>;
  /** Puts it on another image, with its settings, networks and mounts. conflict when it runs, unless `restart`. */
  rebuild(ref: string, request: RebuildRequest): Promise<void>;
  /** The container with its snapshots as one archive; leaving the loop closes the connection. */
  backup(ref: string, options?: { readonly signal?: AbortSignal }): AsyncGenerator<Buffer>;
  /** Makes a container of such an archive, under its old name or another. */
  restoreBackup(source: AsyncIterable<Uint8Array>, options?: { readonly name?: string }): Promise<{ id: string; name: string }>;
  /** An image of it; resolves with its id. */
  publish(ref: string, request?: PublishRequest): Promise<string>;
}

export function createSnapshotsClient(transport: Transport): SnapshotsClient {
  const at = (ref: string, rest: string): string => `/orlop/v1/containers/${encodeURIComponent(ref)}/${rest}`;
  const one = (ref: string, name: string): string => at(ref, `snapshots/${encodeURIComponent(name)}`);
  const post = async (path: string, json: object): Promise<void> =>
    void (await readText(await transport.request({ method: 'POST', path, json })));
  return {
    take: async (ref, request = {}) => {
      const answer = await transport.request({ method: 'POST', path: at(ref, 'snapshots'), json: request });
      return (await readJson<{ name: string }>(answer)).name;
    },
    list: async (ref) => readJson(await transport.request({ method: 'GET', path: at(ref, 'snapshots') })),
    restore: (ref, name, { restart = false } = {}) => post(at(ref, 'restore'), { snapshot: name, restart }),
    rename: (ref, name, to) => post(one(ref, name), { name: to }),
    change: (ref, name, change) => post(one(ref, name), change),
    remove: async (ref, name) => void (await readText(await transport.request({ method: 'DELETE', path: one(ref, name) }))),
    changes: async (ref, name, to) => {
      const answer = await transport.request({ method: 'GET', path: `${one(ref, name)}/changes`, query: { to } });
      return (await readJson<{ changes: PathChange[] }>(answer)).changes;
    },
    copy: async (ref, request = {}) => readJson(await transport.request({ method: 'POST', path: at(ref, 'copy'), json: request })),
    rebuild: (ref, request) => post(at(ref, 'rebuild'), request),
    backup: async function* (ref, { signal } = {}) {
      const answer = await transport.request({ method: 'GET', path: at(ref, 'backup'), ...(signal === undefined ? {} : { signal }) });
      yield* answer.body;
    },
    restoreBackup: async (source, { name } = {}) =>
      readJson(await transport.request({ method: 'POST', path: '/orlop/v1/backups', query: { name }, upload: source })),
    publish: async (ref, request = {}) => {
      const answer = await transport.request({ method: 'POST', path: at(ref, 'publish'), json: request });
      return (await readJson<{ id: string }>(answer)).id;
    },
    setSchedule: async (ref, change) =>
      readJson(await transport.request({ method: 'POST', path: at(ref, 'snapshot-schedule'), json: change })),
  };
}
