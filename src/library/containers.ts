import type { Client, ListOptions } from '#client';
import { isOrlopError, OrlopError } from '#errors';
import { formatReference, parseReference, withDefaultTag } from '#oci';
import type { DockerAuth, DockerContainerSummary, Progress } from '#wire';
import { signalOf, throwIfAborted } from './abort.ts';
import { planCreateBody, type ContainerOptions } from './container-options.ts';
import { createContainer, ownContainer, type Container, type OwnedContainer } from './container.ts';
import { collectResult, type ExecOptions, type ExecResult } from './exec.ts';

/** How an image gets here that is not. */
export interface FetchOptions {
  /** `missing` without it: from its registry when it is not here. */
  readonly pull?: 'missing' | 'always' | 'never';
  readonly auth?: DockerAuth;
  readonly progress?: (step: Progress) => void;
}

export interface CreateOptions extends ContainerOptions, FetchOptions {
  /** What was made until then is taken back. */
  readonly signal?: AbortSignal;
}

export interface RunToEndOptions extends Omit<CreateOptions, 'stdin' | 'restart' | 'terminal'>, Pick<ExecOptions, 'input' | 'check'> {}

export interface Containers {
  /** Not started yet. */
  create(options: CreateOptions): Promise<OwnedContainer>;
  /** not-found unless it is there. `ref`: a name, an id, or an unambiguous start of one. It stays when this leaves scope. */
  get(ref: string): Promise<Container>;
  /** In Docker's fields; those that run unless `all` is asked for. */
  list(options?: ListOptions): Promise<DockerContainerSummary[]>;
}

/** `creating`: the client that creates, which may have to be made first. */
export function createContainers(client: Client, creating: () => Promise<Client>): Containers {
  return {
    async create(options) {
      const { signal } = options;
      throwIfAborted(signal);
      const made = await createPulling(await creating(), options);
      const owned = ownContainer(createContainer(client, made.id, made.name));
      if (signal?.aborted !== true) return owned;
      await owned[Symbol.asyncDispose]();
      throwIfAborted(signal);
      return owned;
    },
    async get(ref) {
      const { Id: id, Name: name } = await client.containers.inspect(ref);
      return createContainer(client, id, name.slice(1));
    },
    list: (options) => client.containers.list(options),
  };
}

/** Creates a container and starts it; one that does not start is removed. */
export async function runContainer(containers: Containers, options: CreateOptions): Promise<OwnedContainer> {
  const container = await containers.create(options);
  try {
    await container.start();
    throwIfAborted(options.signal);
    return container;
  } catch (error) {
    await container[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs a container to its end, with all that it says, and removes it. */
export async function runToEnd(containers: Containers, { input, check, ...options }: RunToEndOptions): Promise<ExecResult> {
  const { signal } = options;
  await using container = await containers.create({ ...options, stdin: input !== undefined });
  await using process = await container.attach({ stdin: input !== undefined, ...signalOf(signal) });
  await container.start();
  const how = { ...(input === undefined ? {} : { input }), ...(check === undefined ? {} : { check }) };
  return await collectResult(process, how, [options.image, ...(options.command ?? [])].join(' '));
}

async function createPulling(client: Client, options: CreateOptions): Promise<{ id: string; name: string }> {
  const { image, pull = 'missing' } = options;
  const body = planCreateBody(options);
  const create = async (): Promise<{ id: string; name: string }> => {
    const { Id: id } = await client.containers.create(body, options.name);
    if (options.name !== undefined) return { id, name: options.name };
    return { id, name: (await client.containers.inspect(id)).Name.slice(1) };
  };
  if (pull === 'always') await fetchImage(client, options);
  try {
    return await create();
  } catch (error) {
    if (pull !== 'missing' || !isOrlopError(error, 'not-found') || error.code !== 'IMAGE_NOT_FOUND' || isId(image)) throw error;
    await fetchImage(client, options, error);
    return create();
  }
}

/** An image that can be made here need not come from a registry: the engine's hint says how. */
async function fetchImage(client: Client, { image, auth, progress, signal }: CreateOptions, missing?: OrlopError): Promise<void> {
  const how = { ...(auth === undefined ? {} : { auth }), ...(progress === undefined ? {} : { progress }), ...signalOf(signal) };
  try {
    await client.images.pull(formatReference(withDefaultTag(parseReference(image))), how);
  } catch (failure) {
    if (!isOrlopError(failure) || failure.kind === 'cancelled' || missing?.hint?.startsWith('make it with') !== true) throw failure;
    throw new OrlopError(failure.kind, failure.code, failure.message, { hint: missing.hint, cause: failure });
  }
}

/** Ids of images are no names that a registry knows. */
function isId(image: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{12,64}$/.test(image);
}
