import { isOrlopError } from '#errors';
import type { Logger } from '#log';
import * as n from '../netlink/constants.ts';
import { openConversation, type Conversation } from '../netlink/conversation.ts';
import { addElements, batchMarks, deleteElements, type Element } from '../netlink/netfilter.ts';
import { createSerial } from '../serial.ts';
import type { NetworkCalls } from '../types.ts';
import { planForwardEntries, type Forward } from './forwards.ts';
import { planNetworkEntries } from './network-sets.ts';
import { applyRuleset } from './nft.ts';
import { leftLoopback6, planRemoval, planRuleset, type FirewalledNetwork, type TablePlace } from './ruleset.ts';
import { planSetChanges, type SetChange } from './sets.ts';

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

export interface FirewallOptions extends TablePlace {
  readonly addon: NetworkCalls;
  readonly logger: Logger;
}

/** More elements than these do not fit into one datagram: nft, which asks for larger buffers, makes the table anew. */
const mostElements = 1_500;

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
  const { addon, byContainer, leavesLoopback6 } = state;
  await applyRuleset(addon, planRuleset(state, { networks, leavesLoopback6, forwards: [...byContainer.values()].flat() }));
  state.networks = networks;
}

async function changeNetworks(state: State, networks: readonly FirewalledNetwork[]): Promise<void> {
  const before = state.networks;
  if (before === null) return makeTable(state, networks);
  await changeTable(state, planSetChanges(planNetworkEntries(before), planNetworkEntries(networks)), networks);
}

async function leaveLoopback6(state: State): Promise<void> {
  state.leavesLoopback6 = true;
  if (state.networks === null) return;
  await changeTable(state, planSetChanges([], [leftLoopback6]), state.networks);
}

/** All or none. Whatever is wrong with the table, flushed by somebody or changed: we know what it should be, and make it anew for these networks. */
async function changeTable(state: State, changes: readonly SetChange[], networks: readonly FirewalledNetwork[]): Promise<void> {
  if (changes.length === 0) return;
  const count = changes.reduce((sum, { removed, added }) => sum + removed.length + added.length, 0);
  if (count > mostElements) return makeTable(state, networks);
  try {
    transact(state, changes);
    state.networks = networks;
  } catch (error) {
    state.logger.debug('the firewall table is not as it was left and is made anew', { table: state.table, error });
    await makeTable(state, networks);
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
  const changes = planSetChanges(planForwardEntries(before), planForwardEntries(forwards));
  remember(state, containerId, forwards);
  if (state.networks === null) return [];
  try {
    await changeTable(state, changes, state.networks);
  } catch (error) {
    remember(state, containerId, before);
    throw error;
  }
  return changes.flatMap(({ removed, added }) => [...removed, ...added]).map(({ forward }) => forward);
}

function remember(state: State, containerId: string, forwards: readonly Forward[]): void {
  if (forwards.length === 0) state.byContainer.delete(containerId);
  else state.byContainer.set(containerId, forwards);
}

function transact(state: State, changes: readonly SetChange[]): void {
  state.conversation ??= openConversation(state.addon, n.NETLINK_NETFILTER);
  const { table } = state;
  const elementsOf = (entries: SetChange['added']): Element[] => entries.flatMap(({ elements }) => elements);
  const { begin, end } = batchMarks();
  const requests = [
    ...changes.flatMap(({ set, removed }) => deleteElements({ table, name: set }, elementsOf(removed))),
    ...changes.flatMap(({ set, added }) => addElements({ table, name: set }, elementsOf(added))),
  ];
  state.conversation.transact(begin, requests, end);
}
