import type { Exchange, JsonReader, Route } from '#api/http';
import { OrlopError } from '#errors';
import type {
  CopyRequest,
  CopyResult,
  PathChange,
  PublishRequest,
  RebuildRequest,
  SnapshotBody,
  SnapshotRequest,
  SnapshotsBody,
  SnapshotSchedule,
  SnapshotScheduleChange,
  SnapshotView,
} from '#wire';
import { sendBytes } from './send-bytes.ts';

/** What the routes of snapshots need of the engine. */
export interface SnapshotBackend {
  readonly snapshots: {
    take(ref: string, request: SnapshotRequest): Promise<string>;
    list(ref: string): SnapshotView[];
    restore(ref: string, name: string, options: { readonly restart?: boolean }): Promise<void>;
    rename(ref: string, name: string, to: string): Promise<void>;
    change(ref: string, name: string, change: { readonly comment?: string; readonly expiresInMs?: number | null }): Promise<void>;
    remove(ref: string, name: string): Promise<void>;
    changes(ref: string, name: string, to?: string): Promise<PathChange[]>;
    schedule(ref: string): SnapshotSchedule | null;
    setSchedule(ref: string, change: SnapshotScheduleChange): Promise<SnapshotSchedule>;
    copy(ref: string, request: CopyRequest): Promise<CopyResult>;
    rebuild(ref: string, request: RebuildRequest): Promise<void>;
    backup(ref: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
    restoreBackup(
      source: AsyncIterable<Uint8Array>,
      options: { readonly name?: string; readonly signal: AbortSignal },
    ): Promise<{ id: string; name: string }>;
    publish(ref: string, request: PublishRequest, signal?: AbortSignal): Promise<string>;
  };
}

type Verbs = SnapshotBackend['snapshots'];

/** `/orlop/v1/containers/{id}/snapshots…`, `…/restore`, `…/snapshot-schedule`, `…/copy`, `…/publish` */
export function orlopSnapshotRoutes({ snapshots }: SnapshotBackend): Route[] {
  const at = '/orlop/v1/containers/{id}';
  return [
    { method: 'GET', path: `${at}/snapshots`, handle: (exchange) => exchange.json(200, listBody(snapshots, refOf(exchange))) },
    { method: 'POST', path: `${at}/snapshots`, handle: (exchange) => take(snapshots, exchange) },
    { method: 'POST', path: `${at}/snapshots/{snapshot}`, handle: (exchange) => change(snapshots, exchange) },
    { method: 'DELETE', path: `${at}/snapshots/{snapshot}`, handle: (exchange) => remove(snapshots, exchange) },
    { method: 'GET', path: `${at}/snapshots/{snapshot}/changes`, handle: (exchange) => changes(snapshots, exchange) },
    { method: 'POST', path: `${at}/restore`, handle: (exchange) => restore(snapshots, exchange) },
    { method: 'POST', path: `${at}/snapshot-schedule`, handle: (exchange) => schedule(snapshots, exchange) },
    { method: 'POST', path: `${at}/copy`, handle: (exchange) => copy(snapshots, exchange) },
    { method: 'POST', path: `${at}/rebuild`, handle: (exchange) => rebuild(snapshots, exchange) },
    { method: 'GET', path: `${at}/backup`, handle: (exchange) => backup(snapshots, exchange) },
    { method: 'POST', path: '/orlop/v1/backups', handle: (exchange) => restoreBackup(snapshots, exchange) },
    { method: 'POST', path: `${at}/publish`, handle: (exchange) => publish(snapshots, exchange) },
  ];
}

function refOf({ parameters }: Exchange): string {
  return parameters['id'] ?? '';
}

function nameOf({ parameters }: Exchange): string {
  return parameters['snapshot'] ?? '';
}

function listBody(verbs: Verbs, ref: string): SnapshotsBody {
  const bodyOf = ({ createdAtNs, expiresAtNs, ...view }: SnapshotView): SnapshotBody => ({
    ...view,
    createdMs: Number(createdAtNs / 1_000_000n),
    expiresMs: expiresAtNs === null ? null : Number(expiresAtNs / 1_000_000n),
  });
  return { snapshots: verbs.list(ref).map(bodyOf), schedule: verbs.schedule(ref) };
}

async function take(verbs: Verbs, exchange: Exchange): Promise<void> {
  const body = await strictBody(exchange, ['name', 'comment', 'expiresInMs']);
  const name = body.text('name');
  const expiresInMs = spanOf(body);
  const made = await verbs.take(refOf(exchange), {
    ...(name === '' ? {} : { name }),
    comment: body.text('comment'),
    ...(expiresInMs === undefined || expiresInMs === null ? {} : { expiresInMs }),
  });
  exchange.json(201, { name: made });
}

/** A new name, or another comment or time to go. */
async function change(verbs: Verbs, exchange: Exchange): Promise<void> {
  const body = await strictBody(exchange, ['name', 'comment', 'expiresInMs']);
  const expiresInMs = spanOf(body);
  if (body.raw('comment') !== undefined || expiresInMs !== undefined) {
    await verbs.change(refOf(exchange), nameOf(exchange), {
      ...(body.raw('comment') === undefined ? {} : { comment: body.text('comment') }),
      ...(expiresInMs === undefined ? {} : { expiresInMs }),
    });
  }
  if (body.raw('name') !== undefined) await verbs.rename(refOf(exchange), nameOf(exchange), body.text('name'));
  exchange.empty(204);
}

async function remove(verbs: Verbs, exchange: Exchange): Promise<void> {
  await verbs.remove(refOf(exchange), nameOf(exchange));
  exchange.empty(204);
}

async function changes(verbs: Verbs, exchange: Exchange): Promise<void> {
  const to = exchange.query.text('to');
  exchange.json(200, { changes: await verbs.changes(refOf(exchange), nameOf(exchange), to === '' ? undefined : to) });
}

async function restore(verbs: Verbs, exchange: Exchange): Promise<void> {
  const body = await strictBody(exchange, ['snapshot', 'restart']);
  await verbs.restore(refOf(exchange), body.text('snapshot'), { restart: body.flag('restart') });
  exchange.empty(204);
}

async function schedule(verbs: Verbs, exchange: Exchange): Promise<void> {
  const body = await strictBody(exchange, ['schedule', 'pattern', 'expiresInMs']);
  const expiresInMs = spanOf(body);
  const wanted: SnapshotScheduleChange = {
    ...(body.raw('schedule') === undefined ? {} : { schedule: body.text('schedule') }),
    ...(body.raw('pattern') === undefined ? {} : { pattern: body.text('pattern') }),
    ...(expiresInMs === undefined ? {} : { expiresInMs }),
  };
  exchange.json(200, await verbs.setSchedule(refOf(exchange), wanted));
}

async function copy(verbs: Verbs, exchange: Exchange): Promise<void> {
  const body = await strictBody(exchange, ['name', 'snapshot', 'ephemeral']);
  const [name, snapshot] = [body.text('name'), body.text('snapshot')];
  const request = { ...(name === '' ? {} : { name }), ...(snapshot === '' ? {} : { snapshot }), ephemeral: body.flag('ephemeral') };
  exchange.json(201, await verbs.copy(refOf(exchange), request));
}

async function rebuild(verbs: Verbs, exchange: Exchange): Promise<void> {
  const body = await strictBody(exchange, ['image', 'keep', 'restart']);
  await verbs.rebuild(refOf(exchange), { image: body.text('image'), keep: body.texts('keep') ?? [], restart: body.flag('restart') });
  exchange.empty(204);
}

async function backup(verbs: Verbs, exchange: Exchange): Promise<void> {
  await sendBytes(exchange, 'application/x-tar', verbs.backup(refOf(exchange), exchange.signal));
}

async function restoreBackup(verbs: Verbs, exchange: Exchange): Promise<void> {
  const name = exchange.query.text('name');
  exchange.json(201, await verbs.restoreBackup(exchange.body, { ...(name === '' ? {} : { name }), signal: exchange.signal }));
}

async function publish(verbs: Verbs, exchange: Exchange): Promise<void> {
  const body = await strictBody(exchange, ['name', 'snapshot', 'comment', 'author', 'changes']);
  const texts = (['name', 'snapshot', 'comment', 'author'] as const).flatMap((key) =>
    body.text(key) === '' ? [] : [[key, body.text(key)]],
  );
  const request: PublishRequest = { ...Object.fromEntries(texts), changes: body.texts('changes') ?? [] };
  exchange.json(201, { id: await verbs.publish(refOf(exchange), request, exchange.signal) });
}

async function strictBody(exchange: Exchange, known: readonly string[]): Promise<JsonReader> {
  const body = await exchange.readObject();
  const unknown = body.keys.find((key) => !known.includes(key));
  if (unknown !== undefined) throw new OrlopError('invalid-argument', 'ORLOP_UNKNOWN_FIELD', `unknown field ${JSON.stringify(unknown)}`);
  return body;
}

/** undefined: nothing said; null: never. */
function spanOf(body: JsonReader): number | null | undefined {
  const value = body.raw('expiresInMs');
  if (value === undefined || value === null) return value;
  const span = body.integer('expiresInMs');
  if (span <= 0) throw new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', 'expiresInMs must be more than 0');
  return span;
}
