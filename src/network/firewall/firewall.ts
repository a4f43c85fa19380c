import { isOrlopError } from '#errors';
import { addressToBytes } from '../addresses.ts';
import * as n from '../netlink/constants.ts';
import { openConversation, type Conversation } from '../netlink/conversation.ts';
import { addElements, batchMarks, deleteElements, type Element } from '../netlink/netfilter.ts';
import type { Request } from '../netlink/requests.ts';
import { createSerial } from '../serial.ts';
import type { NetworkCalls } from '../types.ts';
import { encodeForward, formatChanges, planChanges, type Forward, type MapChange } from './forwards.ts';
import { planSetChanges, type SetEntry } from './network-sets.ts';
import { applyRuleset } from './nft.ts';
import { loopbackSet, planRemoval, planRuleset, type FirewalledNetwork } from './ruleset.ts';

/** The firewall table of one engine. Changes follow each other; the table is touched first by `apply`. */
export interface Firewall extends Disposable {
  /** Makes the table anew for these networks, with all forwards that there are. Fails as `applyRuleset`; then the old table stands. */
  apply(networks: readonly FirewalledNetwork[]): Promise<void>;
  /** Changes only what these networks differ in from those before, which takes a fiftieth of the time; a table that is not as it was left is made anew. */
  change(networks: readonly FirewalledNetwork[]): Promise<void>;
  /**
   * Sets what leads to a container, in the place of what led to it before. A table that somebody flushed is made again. All or none. Returns what came and
   * went; nothing while there is no table.
   */
  forward(containerId: string, forwards: readonly Forward[]): Promise<Forward[]>;
  /** From now on what the host itself sends to ::1 is left alone: somebody listens there who carries it on. */
  leaveLoopback6(): Promise<void>;
  /** What it was told, whatever the kernel has; no networks while there is no table. */
  state(): {
    readonly networks: readonly FirewalledNetwork[] | null;
    readonly forwards: readonly Forward[];
    readonly leavesLoopback6: boolean;
  };
  /** Removes the table, if it is there; what was to be forwarded is kept for the next `apply`. */
  remove(): Promise<void>;
}

export interface FirewallOptions {
  readonly addon: NetworkCalls;
  /** Name of the table. */
  readonly table: string;
}

/** More elements than these do not fit into one datagram: nft, which asks for larger buffers, takes them. */
const mostElements = 1_500;

const loopback6 = addressToBytes({ family: 6, value: 1n });

interface State extends FirewallOptions {
  readonly byContainer: Map<string, readonly Forward[]>;
  leavesLoopback6: boolean;
  /** null: no table yet. */
  networks: readonly FirewalledNetwork[] | null;
  conversation: Conversation | null;
}

/** Touches nothing yet, and needs neither nft nor nf_tables until the first `apply`. Disposing leaves the table as it is. */
export function openFirewall(options: FirewallOptions): Firewall {
  const state: State = { ...options, byContainer: new Map(), leavesLoopback6: false, networks: null, conversation: null };
  const serial = createSerial();
  return {
    apply: (networks) => serial(() => makeTable(state, networks)),
    change: (networks) => serial(() => changeNetworks(state, networks)),
    forward: (containerId, forwards) => serial(() => setForwards(state, containerId, forwards)),
    leaveLoopback6: () => serial(() => leaveLoopback6(state)),
    state: () => ({
      networks: state.networks,
      forwards: [...state.byContainer.values()].flat(),
      leavesLoopback6: state.leavesLoopback6,
    }),
    remove: () => serial(() => removeTable(state)),
    [Symbol.dispose]: () => state.conversation?.[Symbol.dispose](),
  };
}

async function makeTable(state: State, networks: readonly FirewalledNetwork[]): Promise<void> {
  const { addon, table, byContainer, leavesLoopback6 } = state;
  await applyRuleset(addon, planRuleset(table, { networks, leavesLoopback6, forwards: [...byContainer.values()].flat() }));
  state.networks = networks;
}

async function changeNetworks(state: State, networks: readonly FirewalledNetwork[]): Promise<void> {
  const before = state.networks;
  if (before === null) return makeTable(state, networks);
  const { table } = state;
  const changes = planSetChanges(before, networks);
  if (changes.length === 0) return;
  const requests = [
    ...changes.flatMap(({ set, removed }) => deleteElements({ table, name: set }, removed.flatMap(elementsOf))),
    ...changes.flatMap(({ set, added }) => addElements({ table, name: set }, added.flatMap(elementsOf))),
  ];
  try {
    transact(state, requests);
    state.networks = networks;
  } catch {
    // Somebody flushed the table or changed it: we know what it should be.
    await makeTable(state, networks);
  }
}

function elementsOf({ elements }: SetEntry): readonly Element[] {
  return elements;
}

async function leaveLoopback6(state: State): Promise<void> {
  state.leavesLoopback6 = true;
  if (state.networks === null) return;
  try {
    transact(state, addElements({ table: state.table, name: loopbackSet }, [{ key: loopback6 }]));
  } catch {
    await makeTable(state, state.networks);
  }
}

async function removeTable(state: State): Promise<void> {
  state.networks = null;
  try {
    await applyRuleset(state.addon, planRemoval(state.table));
  } catch (error) {
    // Without nft there has never been a table.
    if (!(isOrlopError(error) && error.code === 'NETWORK_NFT_MISSING')) throw error;
  }
}

async function setForwards(state: State, containerId: string, forwards: readonly Forward[]): Promise<Forward[]> {
  const before = state.byContainer.get(containerId) ?? [];
  const changes = planChanges(before, forwards);
  remember(state, containerId, forwards);
  if (changes.length === 0 || state.networks === null) return [];
  // Whatever is wrong with the table, flushed by somebody or changed: we know what it should be.
  try {
    await applyChanges(state, changes).catch(() => makeTable(state, state.networks ?? []));
  } catch (error) {
    remember(state, containerId, before);
    throw error;
  }
  return changes.flatMap(({ removed, added }) => [...removed, ...added]);
}

function remember(state: State, containerId: string, forwards: readonly Forward[]): void {
  if (forwards.length === 0) state.byContainer.delete(containerId);
  else state.byContainer.set(containerId, forwards);
}

async function applyChanges(state: State, changes: readonly MapChange[]): Promise<void> {
  const count = changes.reduce((sum, { removed, added }) => sum + removed.length + added.length, 0);
  if (count > mostElements) return applyRuleset(state.addon, formatChanges(state.table, changes));
  const { table } = state;
  const requests = [
    ...changes.flatMap(({ map, removed }) => deleteElements({ table, name: map }, removed.map(encodeForward))),
    ...changes.flatMap(({ map, added }) => addElements({ table, name: map }, added.map(encodeForward))),
  ];
  transact(state, requests);
}

function transact(state: State, requests: readonly Request[]): void {
  state.conversation ??= openConversation(state.addon, n.NETLINK_NETFILTER);
  const { begin, end } = batchMarks();
  state.conversation.transact(begin, requests, end);
}
