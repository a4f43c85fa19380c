import { createHash } from 'node:crypto';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import {
  copySelected,
  emptyRoot,
  type CacheMount,
  type Root,
  type RunMount,
  type RunStep,
  type SecretMount,
  type SourceTree,
  selectSources,
  type SshMount,
  type Work,
} from '#build';
import { OrlopError } from '#errors';
import type { ResolvedMount } from '../volume/resolved-mount.ts';
import { openSource } from './contexts.ts';
import type { BuildRun } from './executor.ts';
import { directoriesOf } from './on-snapshot.ts';
import { openTree } from './scratch.ts';
import { agentAt, agentOf, forwardAgent } from './ssh-agent.ts';
import { makeDirectoryFor } from './transfer.ts';

/** What a RUN step has mounted, until it is over. */
export interface StepMounts extends AsyncDisposable {
  readonly mounts: readonly ResolvedMount[];
  /** `NAME=value` of secrets. */
  readonly hiddenEnv: readonly string[];
  /** `NAME=value` that is no secret. */
  readonly env: readonly string[];
}

export const cacheLabel = 'orlop.build.cache';

/** Opens everything that `--mount` asks for, and the files of heredocs. */
export async function openStepMounts(build: BuildRun, step: RunStep, work: Work): Promise<StepMounts> {
  await using opened = new AsyncDisposableStack();
  const mounts: ResolvedMount[] = [];
  const hiddenEnv: string[] = [];
  const env: string[] = [];
  for (const mount of step.mounts) {
    if (mount.type === 'secret') await takeSecret(build, mount, { mounts, hiddenEnv }, work.context.signal);
    else if (mount.type === 'ssh') await takeAgent(build, mount, { mounts, env, signal: work.context.signal }, opened);
    else if (mount.type === 'tmpfs') mounts.push(temporary(mount));
    else if (mount.type === 'cache') mounts.push(await takeCache(build, mount, work, opened));
    else mounts.push(await bind(build, mount, work.sources(mount.from), await layersOf(build, work.sources(mount.from))));
  }
  for (const file of step.files) mounts.push(inlineFile(build, file));
  if (step.volumes.length > 0) mounts.push(...(await volumes(build, step.volumes, work.root)));
  const held = opened.move();
  // By depth, so that none hides another.
  const sorted = mounts.toSorted((one, other) => one.target.split('/').length - other.target.split('/').length);
  return { mounts: sorted, hiddenEnv, env, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

const plain = { readOnly: true, shortOptions: '', propagation: 'rprivate' } as const;

/** The layers of a stage or an image; null: it is a directory. */
async function layersOf(build: BuildRun, source: SourceTree): Promise<Root | null> {
  if (source.kind === 'root') return source.root;
  const reference = source.name === null ? null : build.contexts.imageOf(source.name);
  return reference === null ? null : build.imageRoot(reference);
}

/** Files of the context, or of a stage. What is written to one that is not read-only goes with the step. */
async function bind(
  build: BuildRun,
  { source, target, readonly }: Extract<RunMount, { type: 'bind' }>,
  from: SourceTree,
  root: Root | null,
): Promise<ResolvedMount> {
  const subpath = source.replace(/^\/+|\/+$/g, '');
  const part = subpath === '' ? {} : { subpath };
  const directory = root === null && from.kind === 'context' ? await build.contexts.files(from.name).directory() : null;
  if (directory !== null && readonly) return { ...plain, type: 'bind', target, source: directory.path, ...part };
  const layers = directory === null ? { chain: root?.chain ?? null } : { chain: null, directory: directory.relative };
  const scratch = readonly ? null : makeDirectoryFor(build, 'bind').relative;
  const writable = scratch === null ? {} : { writable: { upper: join(scratch, 'upper'), work: join(scratch, 'work') } };
  return {
    ...plain,
    type: 'image',
    target,
    source: 'a stage',
    readOnly: readonly,
    ...part,
    image: { id: '', manifest: '', ...layers, ...writable },
  };
}

/** Docker's first builder runs a step with its image's volumes: what it changes in them goes with it. */
async function volumes(build: BuildRun, paths: readonly string[], root: Root): Promise<ResolvedMount[]> {
  const there = await directoriesOf(build, paths, root);
  return await Promise.all(
    paths.map((path) => {
      const mount = { type: 'bind', from: { kind: 'scratch' }, target: path, readonly: false } as const;
      const has = there.has(path);
      return bind(build, { ...mount, source: has ? path : '/' }, { kind: 'root', root }, has ? root : emptyRoot);
    }),
  );
}

function temporary({ target, sizeBytes }: Extract<RunMount, { type: 'tmpfs' }>): ResolvedMount {
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  return { type: 'tmpfs', target, source: '', readOnly: false, shortOptions: '', tmpfsOptions: ['exec'], ...size };
}

function inlineFile({ scratch }: BuildRun, { path, content, mode }: RunStep['files'][number]): ResolvedMount {
  const file = join(scratch.make('heredoc').path, 'content');
  writeFileSync(file, content, { mode });
  chmodSync(file, mode);
  return { ...plain, type: 'bind', target: path, source: file };
}

async function takeSecret(
  build: BuildRun,
  { id, target, env, required, mode, uid, gid }: SecretMount,
  into: { readonly mounts: ResolvedMount[]; readonly hiddenEnv: string[] },
  signal: AbortSignal,
): Promise<void> {
  const content = build.secrets.get(id) ?? (await build.client?.secret(id, signal)) ?? null;
  if (content === null) {
    if (!required) return;
    throw new OrlopError('not-found', 'BUILD_NO_SECRET', `secret ${id}: not found`, { hint: `give it with: --secret id=${id},src=FILE` });
  }
  if (env !== undefined) into.hiddenEnv.push(`${env}=${Buffer.from(content).toString('utf8')}`);
  if (target === undefined) return;
  const file = build.secretFile();
  writeFileSync(file, content, { mode: 0o600 });
  chownSync(file, uid, gid);
  chmodSync(file, mode);
  into.mounts.push({ ...plain, type: 'bind', target, source: file });
}

async function takeAgent(
  build: BuildRun,
  { id, target, required, mode, uid, gid }: SshMount,
  into: { readonly mounts: ResolvedMount[]; readonly env: string[]; readonly signal: AbortSignal },
  opened: AsyncDisposableStack,
): Promise<void> {
  const agent = await findAgent(build, id, into.signal);
  if (agent === null) {
    if (!required) return;
    throw new OrlopError('not-found', 'BUILD_NO_AGENT', `no SSH key ${JSON.stringify(id)} forwarded from the client`, {
      hint: id === 'default' ? 'give it with: --ssh default' : `give it with: --ssh ${id}=SOCKET`,
    });
  }
  const socket = build.secretFile();
  opened.use(await forwardAgent(socket, agent));
  chownSync(socket, uid, gid);
  chmodSync(socket, mode);
  into.mounts.push({ ...plain, type: 'bind', target, source: socket, readOnly: false });
  into.env.push(`SSH_AUTH_SOCK=${target}`);
}

/** Of this machine, or the client's. */
async function findAgent({ agents, client }: BuildRun, id: string, signal: AbortSignal): Promise<(() => Duplex) | null> {
  const socket = agents.get(id);
  if (socket !== undefined) return agentAt(socket);
  return client !== null && (await client.hasAgent(id, signal)) ? agentOf(client, id, signal) : null;
}

/** The volume that a cache is in. `copy`: of a private one, beside the first. */
export function cacheVolumeName(id: string, copy = 0): string {
  const name = `orlop-cache-${createHash('sha256').update(id).digest('hex').slice(0, 16)}`;
  return copy === 0 ? name : `${name}-${copy}`;
}

async function takeCache(build: BuildRun, mount: CacheMount, work: Work, opened: AsyncDisposableStack): Promise<ResolvedMount> {
  const { context, caches } = build;
  const { id, sharing, target } = mount;
  if (sharing === 'locked') opened.use(await caches.lock(id, work.context.signal));
  const held = caches.hold(id, sharing === 'private');
  opened.use(held);
  const name = cacheVolumeName(id, held.copy);
  const user = `build:${work.context.step}:${build.id}:${target}`;
  await context.volumes.create({ name, labels: { [cacheLabel]: id }, isAnonymous: false }, user);
  opened.defer(async () => void (await context.volumes.release(name, user)));
  await context.volumes.fill(name, (path) => beginCache(build, mount, work, path));
  return {
    type: 'volume',
    target,
    source: name,
    readOnly: mount.readonly,
    shortOptions: '',
    hostPath: context.volumes.pathOf(name),
    driver: 'local',
  };
}

/** An empty cache gets its owner, its mode, and what it is to begin with. */
async function beginCache(
  build: BuildRun,
  { from, source = '/', mode = 0o755, uid = 0, gid = 0 }: CacheMount,
  work: Work,
  path: string,
): Promise<void> {
  if (from !== undefined && from.kind !== 'scratch') {
    await using opened = await openSource(build.context, build.contexts, work.sources(from), build.imageRoot);
    using to = openTree(build.context, path);
    await copySelected(await opened.tree(), selectSources(opened.files, source), to, { target: '/', signal: work.context.signal });
  }
  chownSync(path, uid, gid);
  chmodSync(path, mode);
}
