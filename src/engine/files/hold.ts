import { isErrno } from '#errors';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { attachMounts } from '../volume/attach-mounts.ts';
import { openDirectories } from './directories.ts';
import { openDistantVerbs } from './distant-verbs.ts';
import { createRootVerbs, type RootOwner, type RootVerbs } from './root-verbs.ts';
import { mayHang, openContainerRoot, type ContainerRoot } from './root.ts';

export interface HeldRoot extends AsyncDisposable {
  readonly verbs: RootVerbs;
}

/** With what is mounted in it. A stopped container cannot start while its layers are mounted here as well. */
export async function holdRoot(
  context: EngineContext,
  container: LiveContainer,
  { ref, path }: { readonly ref: string; readonly path: string },
): Promise<HeldRoot> {
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
  const verbs = undo.use(openVerbs(context, container, { root, ref, runs: runsNow }));
  const parts = undo.move();
  return { verbs, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** What its init may have mounted in a running one is worked on by others than the engine itself. */
export function openVerbs(
  context: EngineContext,
  { record, fileProcesses }: LiveContainer,
  {
    root,
    ref,
    runs,
    pid = record.state.pid,
  }: { readonly root: ContainerRoot; readonly ref: string; readonly runs: boolean; readonly pid?: number },
): RootVerbs & Disposable {
  const owner = ownerOf(record, ref);
  if (runs && mayHang(context, record, pid)) return openDistantVerbs(context, root, { owner, processes: fileProcesses });
  return { ...createRootVerbs(context.addon, root, owner), [Symbol.dispose]: () => undefined };
}

/** Works on the root of a running container, as it is now, from within its queue. */
export async function withRunningRoot<Result>(
  context: EngineContext,
  container: LiveContainer,
  work: (verbs: RootVerbs) => Promise<Result>,
): Promise<Result> {
  using root = await openContainerRoot(context, container);
  using verbs = openVerbs(context, container, { root, ref: container.record.name, runs: isActive(container.record.state.status) });
  return await work(verbs);
}

/** While a container is stopped nothing but its request says that its root is not to be written to; the request holds while it runs, too. */
function ownerOf({ name, process, request }: ContainerRecord, ref: string): RootOwner {
  return { name, ref, user: process.user, groups: request.groupAdd ?? [], readOnly: request.readOnlyRoot === true };
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
