import { isErrno, OrlopError } from '#errors';
import { AT_EMPTY_PATH, type FileFacts } from '#sys';
import { isActive } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { attachMounts } from '../volume/attach-mounts.ts';
import { openDirectories } from './directories.ts';
import { openContainerRoot, type ContainerRoot } from './root.ts';

export interface HeldRoot extends AsyncDisposable {
  readonly root: ContainerRoot;
}

/** With what is mounted in it. A stopped container cannot start while its layers are mounted here as well. */
export async function holdRoot(context: EngineContext, container: LiveContainer, path: string): Promise<HeldRoot> {
  await using undo = new AsyncDisposableStack();
  // What a running one shows may come from there.
  await context.lxcfs.settle();
  const runs = (): boolean => isActive(container.record.state.status);
  if (!runs()) undo.defer(await takeTurn(context, container));
  // A start may have had its turn before ours.
  const runsNow = runs();
  const root = undo.use(await openContainerRoot(context, container));
  if (!runsNow) {
    if (container.record.state.status === 'created') makeWorkingDirectory(context, container, root);
    await attachMounts(context, container.record, { root: root.descriptor, path }, undo);
  }
  const parts = undo.move();
  return { root, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** As the first start will: Docker makes it with the container, and clients find it there. What stands in the way of it is the start's to tell. */
function makeWorkingDirectory({ addon }: EngineContext, { record }: LiveContainer, root: ContainerRoot): void {
  try {
    addon.close(openDirectories(addon, root, record.process.workingDirectory, { uid: 0, gid: 0 }));
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR', 'ELOOP', 'EEXIST')) throw error;
  }
}

/** Resolves when it is our turn in the container's queue; the others wait until the function that it gives is called. */
async function takeTurn({ queues }: EngineContext, { record }: LiveContainer): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<() => void>();
  void queues.run(record.id, () => new Promise<void>((release) => resolve(release)));
  return promise;
}

/** While a container is stopped nothing but its request says that its root is not to be written to; what is mounted in it is another matter. */
export function refuseReadOnly({ addon }: EngineContext, container: LiveContainer, root: ContainerRoot, at: FileFacts): void {
  const { record } = container;
  const isOfRoot = at.dev === addon.fstatat(root.descriptor, '', AT_EMPTY_PATH).dev;
  if (isOfRoot && record.request.readOnlyRoot === true && !isActive(record.state.status)) throw readOnly(container);
}

export function readOnly({ record }: LiveContainer, cause?: unknown): OrlopError {
  return new OrlopError('permission-denied', 'ENGINE_ROOT_READ_ONLY', 'container rootfs is marked read-only', {
    hint: `write to a volume of ${record.name}, or make it without --read-only`,
    cause,
  });
}
