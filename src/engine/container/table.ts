import { OrlopError } from '#errors';
import type { CarrierConnection, MonitorConnection } from '#sys';
import type { ContainerId, ExecId } from '../model.ts';
import type { FileProcesses } from '../files/distant-verbs.ts';
import type { HealthWatch } from '../health/watch.ts';
import type { BootWatch } from '../system/boot.ts';
import type { LogPacker } from '../logs/packer.ts';
import type { ContainerFiles } from './files.ts';
import type { ContainerRecord } from './record.ts';

/** A client that attached before the start: the other end of its stream, and what it wants. */
export interface WaitingClient {
  readonly socket: number;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** A container as the running engine holds it. `record` is replaced whole at each change. */
export interface LiveContainer {
  record: ContainerRecord;
  readonly files: ContainerFiles;
  connection: MonitorConnection | null;
  readonly execs: Set<ExecId>;
  readonly waitingClients: WaitingClient[];
  /** That work on its files for us. */
  readonly fileProcesses: FileProcesses;
  /** Called once at the next end of its process. */
  readonly onExit: Set<() => void>;
  /** Called once when it is gone. */
  readonly onRemove: Set<() => void>;
  /** Of its proxy devices, by name: what carries them. */
  readonly proxies: Map<string, CarrierConnection>;
  /** What carries IPv6 to its published ports where it has none itself. */
  readonly relays: Map<string, CarrierConnection>;
  /** What listens on its ports while it does not run; null: nothing, or it is not known yet. */
  door: CarrierConnection | null;
  /** Somebody has come, and it is being started; `called`: and somebody has come meanwhile. */
  waking: 'no' | 'yes' | 'called';
  /** A stop was asked for: the end that follows is no failure. */
  stopping: boolean;
  /** null: nothing of its log is to be packed. */
  packer: LogPacker | null;
  /** null: nobody asks whether it is well. */
  health: HealthWatch | null;
  /** null: it is no machine that runs, or its init cannot be asked. */
  boot: BootWatch | null;
  /** `NAME=value` for its next start, written down nowhere: secrets. */
  hiddenEnv: readonly string[];
  /** Its policy starts it again when this fires. */
  restartTimer: NodeJS.Timeout | null;
  /** The last wait before such a start, ms; 0: there was none. */
  restartDelayMs: number;
}

export interface ContainerTable {
  add(container: LiveContainer): void;
  drop(id: ContainerId): void;
  all(): LiveContainer[];
  get(id: ContainerId): LiveContainer | undefined;
  holderOf(name: string): LiveContainer | undefined;
  /** By whole id, name, what a link calls it (`web/alias`), or unambiguous prefix of an id, in this order, as Docker does. */
  find(ref: string): LiveContainer;
}

export function createContainerTable(): ContainerTable {
  const byId = new Map<ContainerId, LiveContainer>();
  const holderOf = (name: string): LiveContainer | undefined => byId.values().find((container) => container.record.name === name);
  const linkedAs = (name: string): LiveContainer | undefined => {
    const [owner, alias, ...rest] = name.split('/');
    if (owner === undefined || alias === undefined || rest.length > 0) return undefined;
    const link = holderOf(owner)?.record.links?.find((candidate) => candidate.alias === alias);
    return link === undefined ? undefined : byId.get(link.id);
  };
  return {
    add: (container) => void byId.set(container.record.id, container),
    drop: (id) => void byId.delete(id),
    all: () => [...byId.values()],
    get: (id) => byId.get(id),
    holderOf,
    find(ref) {
      const name = ref.startsWith('/') ? ref.slice(1) : ref;
      const exact = byId.get(ref as ContainerId) ?? holderOf(name) ?? linkedAs(name);
      if (exact !== undefined) return exact;
      const candidates = /^[0-9a-f]+$/.test(ref) ? [...byId.values()].filter((container) => container.record.id.startsWith(ref)) : [];
      if (candidates.length === 1 && candidates[0] !== undefined) return candidates[0];
      if (candidates.length > 1) {
        throw new OrlopError('invalid-argument', 'ENGINE_CONTAINER_AMBIGUOUS', `multiple IDs found with provided prefix: ${ref}`, {
          hint: 'give more digits',
        });
      }
      throw new OrlopError('not-found', 'ENGINE_CONTAINER_NOT_FOUND', `No such container: ${ref}`, {
        hint: 'see them all with: orlop ps -a',
      });
    },
  };
}

/** Calls each listener once. */
export function notify(listeners: Set<() => void>): void {
  for (const listener of listeners.values().toArray()) {
    listeners.delete(listener);
    listener();
  }
}
