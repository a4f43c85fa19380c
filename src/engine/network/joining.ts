import { isErrno, OrlopError } from '#errors';
import { openNamespace } from '#sys';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import type { ContainerId } from '../model.ts';
import type { JoinedNamespaces, SandboxShape } from '../sandbox-pool.ts';
import { joinedId } from './mode.ts';

/** The running container whose network a container shares. */
export interface Joining extends Disposable {
  readonly shape: SandboxShape;
  readonly namespaces: JoinedNamespaces;
}

/**
 * Opens the network of the container that `network` names, for a start. A network namespace belongs to a user namespace, and only with the same one can
 * /sys be mounted for it: the one that joins has the user ids of the other, and shares its range, unless it asked for the host's. null: it joins nobody.
 */
export function openJoining(context: EngineContext, record: ContainerRecord): Joining | null {
  const id = joinedId(record.network);
  if (id === null) return null;
  const other = context.table.find(id);
  const { run, state } = other.record;
  if (!isActive(state.status) || run === null) throw notRunning(other);
  const { userNamespace, privileged } = record.request;
  const sharesUsers = run.idRange === null;
  if (sharesUsers && userNamespace === 'auto') {
    throw new OrlopError(
      'invalid-argument',
      'ENGINE_NETWORK_USERNS',
      `container ${record.name} cannot have user ids of its own and join the network of ${other.record.name}, which has the host's`,
      { hint: 'leave out --userns auto' },
    );
  }
  const asHost = sharesUsers || userNamespace === 'host' || (privileged === true && userNamespace !== 'auto');
  return openNamespaces(context, other, asHost ? null : run.idRange);
}

function openNamespaces(context: EngineContext, other: LiveContainer, idRange: JoinedNamespaces['idRange']): Joining {
  using undo = new DisposableStack();
  const open = (name: 'net' | 'user'): number => {
    try {
      return undo.adopt(openNamespace(other.record.state.pid, name), (descriptor) => context.addon.close(descriptor));
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH')) throw notRunning(other);
      throw error;
    }
  };
  const namespaces = { net: open('net'), user: idRange === null ? null : open('user'), idRange };
  const parts = undo.move();
  return { shape: idRange === null ? 'shared-users' : 'own', namespaces, [Symbol.dispose]: () => parts.dispose() };
}

function notRunning(other: LiveContainer): OrlopError {
  return new OrlopError('conflict', 'ENGINE_NETWORK_OF_STOPPED', `cannot join network of a non running container: ${other.record.id}`, {
    hint: `start it with: orlop start ${other.record.name}`,
  });
}

/** The container at the end of the chain of shared networks, whose places and files in /etc these are; null: its own, or nobody's any more. */
export function networkOwner(context: Pick<EngineContext, 'table'>, record: ContainerRecord): LiveContainer | null {
  const seen = new Set<string>();
  let owner: LiveContainer | null = null;
  for (let id = joinedId(record.network); id !== null; id = joinedId(owner.record.network)) {
    const next = context.table.get(id as ContainerId);
    if (next === undefined || seen.has(id)) return null;
    seen.add(id);
    owner = next;
  }
  return owner;
}

/** Whose files are bound over those in a container's /etc; null: its own. A machine's are its own business. */
export function hostFilesOwner(context: Pick<EngineContext, 'table'>, record: ContainerRecord): LiveContainer | null {
  const owner = networkOwner(context, record);
  return owner?.record.kind === 'app' ? owner : null;
}
