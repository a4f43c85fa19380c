import { isErrno, OrlopError } from '#errors';
import { openNamespace } from '#sys';
import type { EngineContext } from '../context.ts';
import type { IdRange } from '../id-ranges.ts';
import type { SandboxNamespaces } from '../sandbox-pool.ts';
import { planNamespaces, type JoinableName } from '../spec/namespaces.ts';
import { isActive, type ContainerRecord } from './record.ts';
import type { LiveContainer } from './table.ts';

/** What a start's sandbox is made in. Disposing closes what was opened of other containers. */
export interface Surroundings extends Disposable {
  readonly namespaces: SandboxNamespaces;
  /** Whose IPC namespace is joined. */
  readonly sharesMemoryWith: LiveContainer | null;
}

/**
 * Opens the namespaces of other containers that this one is to be in. A namespace belongs to a user namespace, and only with the same one can /sys or /proc be
 * mounted for it: who joins has the user ids of the other, and shares its range, unless it has the host's. Fails in Docker's words when one does not run.
 */
export function openSurroundings(context: EngineContext, record: ContainerRecord): Surroundings {
  using undo = new DisposableStack();
  const { shared, joined } = planNamespaces(record);
  const donors = [...joined].map(([name, id]) => ({ name, donor: findDonor(context, name, id) }));
  const open = (donor: LiveContainer, name: JoinableName | 'user', wanted: JoinableName): number => {
    try {
      return undo.adopt(openNamespace(donor.record.state.pid, name), (descriptor) => context.addon.close(descriptor));
    } catch (error) {
      throw isErrno(error, 'ENOENT', 'ESRCH') ? notRunning(donor, wanted) : error;
    }
  };
  const descriptors = new Map<JoinableName | 'user', number>(donors.map(({ name, donor }) => [name, open(donor, name, name)]));
  const idRange = shared.has('user') ? null : rangeOf(record, donors);
  const [first] = donors;
  if (first !== undefined && idRange !== null) descriptors.set('user', open(first.donor, 'user', first.name));
  const hasHostUsers = shared.has('user') || (first !== undefined && idRange === null);
  const held = undo.move();
  return {
    namespaces: { shared: hasHostUsers ? new Set([...shared, 'user' as const]) : shared, joined: descriptors, idRange },
    sharesMemoryWith: donors.find(({ name }) => name === 'ipc')?.donor ?? null,
    [Symbol.dispose]: () => held.dispose(),
  };
}

interface Donation {
  readonly name: JoinableName;
  readonly donor: LiveContainer;
}

/** null: the host's users, or nobody is joined. */
function rangeOf(record: ContainerRecord, donations: readonly Donation[]): IdRange | null {
  const [first, ...rest] = donations;
  if (first === undefined) return null;
  const range = first.donor.record.run?.idRange ?? null;
  const stranger = rest.find(({ donor }) => (donor.record.run?.idRange?.first ?? null) !== (range?.first ?? null));
  if (stranger !== undefined) {
    throw new OrlopError(
      'invalid-argument',
      'ENGINE_DIFFERENT_USERS',
      `container ${record.name} cannot join namespaces of ${first.donor.record.name} and of ${stranger.donor.record.name}: they have different user ids`,
      { hint: 'run it with --userns host, or let one of the two join the other' },
    );
  }
  if (range === null && record.request.userNamespace === 'auto') {
    throw new OrlopError(
      'invalid-argument',
      'ENGINE_NETWORK_USERNS',
      `container ${record.name} cannot have user ids of its own and join a namespace of ${first.donor.record.name}, which has the host's`,
      { hint: 'leave out --userns auto' },
    );
  }
  return range;
}

function findDonor(context: EngineContext, name: JoinableName, id: string): LiveContainer {
  const donor = context.table.find(id);
  if (!isActive(donor.record.state.status) || donor.record.run === null) throw notRunning(donor, name);
  if (name === 'ipc' && !isShareable(donor.record)) {
    throw new OrlopError(
      'invalid-argument',
      'ENGINE_IPC_PRIVATE',
      `can't join IPC of container ${id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      { hint: `make ${donor.record.name} anew with --ipc shareable` },
    );
  }
  return donor;
}

function isShareable({ request: { ipcNamespace = 'private' } }: ContainerRecord): boolean {
  return ipcNamespace !== 'private' && ipcNamespace !== 'none';
}

/** Docker's words for each. */
function notRunning({ record: { id, name, state } }: LiveContainer, wanted: JoinableName): OrlopError {
  const message =
    wanted === 'net'
      ? `cannot join network of a non running container: ${id}`
      : `failed to join ${wanted.toUpperCase()} namespace: container ${id} is ${state.status === 'restarting' ? 'restarting, wait until the container is running' : 'not running'}`;
  return new OrlopError('conflict', wanted === 'net' ? 'ENGINE_NETWORK_OF_STOPPED' : 'ENGINE_NAMESPACE_OF_STOPPED', message, {
    hint: `start it with: orlop start ${name}`,
  });
}
