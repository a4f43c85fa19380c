import { OrlopError } from '#errors';
import type { Digest } from '#oci';
import type { ChainId } from '#store';
import type { NetworkPlace } from '../network/mode.ts';
import type { ResolvedMount } from '../volume/resolved-mount.ts';
import type { IdRange } from '../id-ranges.ts';
import type { DeviceMap } from '#wire';
import type { ContainerId, ContainerStatus, CreateRequest, Kind, NetworkMode, PublishedPort } from '../model.ts';
import type { SnapshotPolicy } from '../snapshot/schedule.ts';
import type { WholeCheck } from '../health/rules.ts';
import type { Inherited } from '../settings/inherited.ts';

/** What the process is, after image and request are merged. */
export interface EffectiveProcess {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** As Docker shows it; `mergeEnvironment` makes a process's of it. */
  readonly env: readonly string[];
  /** '' is /. */
  readonly workingDirectory: string;
  /** As text: `name|uid[:group|gid]`; '' is root. */
  readonly user: string;
  /** '' is SIGTERM: see `endingSignal`. */
  readonly stopSignal: string;
}

/** The name of the signal that asks the container to end. */
export function endingSignal({ stopSignal }: EffectiveProcess): string {
  return stopSignal === '' ? 'SIGTERM' : stopSignal;
}

export interface ContainerState {
  readonly status: ContainerStatus;
  readonly pid: number;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly error: string;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  /** How often its policy has started it again since somebody did. */
  readonly restartCount: number;
  /** How many of these were since a run that lasted its policy's window. */
  readonly shortRuns?: number;
  /** Somebody ended it: its policy leaves it alone. */
  readonly stopped?: boolean;
  /** Its end is half of a restart: whatever its policy, the engine starts it again, and if that engine dies the next one does. */
  readonly comesBack?: boolean;
  /** It is paused for as long as the engine works on it: an engine that dies meanwhile leaves it to the next to go on with it. */
  readonly pausedForWork?: boolean;
  /** It is being removed, and its anonymous volumes with it. */
  readonly removesVolumes?: boolean;
}

/** What a started container holds on the host: written before its process runs, so that a new engine can find or clear all of it. */
export interface RunFacts {
  readonly cgroup: string;
  readonly idRange: IdRange | null;
  /** The boot of the host (`bootId`) that it belongs to: nothing of it outlives that. Absent in records of older engines. */
  readonly boot?: string;
  /** Settings of this run alone; null: taken away for it. */
  readonly once?: Readonly<Record<string, string | null>>;
  /** What it goes on with of settings that were changed for the next start. */
  readonly pending?: Readonly<Record<string, string | null>>;
}

/** A container that another one knows by a further name. */
export interface Link {
  readonly id: ContainerId;
  readonly alias: string;
}

/** The engine's truth about one container; a row of the database. */
export interface ContainerRecord {
  readonly id: ContainerId;
  readonly name: string;
  readonly kind: Kind;
  readonly createdAtNs: bigint;
  readonly request: CreateRequest;
  /** As asked for; the config's digest; the manifest's; the layers it stands on (null: an empty root). */
  readonly image: { readonly name: string; readonly id: string; readonly manifest: Digest; readonly chain: ChainId | null };
  /** What its writable layer stands on, where that is not the image alone: the layers that snapshots have left. */
  readonly chain?: ChainId | null;
  /** Id of the snapshot that it goes on from. */
  readonly snapshotHead?: string;
  /** Snapshots that are taken by themselves. */
  readonly snapshots?: SnapshotPolicy;
  readonly process: EffectiveProcess;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  /** null, or absent in records of older engines: nobody asks. */
  readonly healthCheck?: WholeCheck | null;
  readonly exposedPorts: readonly string[];
  readonly network: NetworkMode;
  /** Places in networks that were not there when it was made: sought at each start. */
  readonly awaited?: readonly NetworkPlace[];
  /** Absent, or in records of older engines: none. */
  readonly links?: readonly Link[];
  /** With everything chosen when it was made: names of volumes, paths on the host. */
  readonly mounts: readonly ResolvedMount[];
  /** Ports of the host that lead to it: while it runs. */
  readonly ports: readonly PublishedPort[];
  readonly state: ContainerState;
  /** On disk only: it is not whole yet, and nobody has been told of it. */
  readonly making?: boolean;
  readonly run: RunFacts | null;
  /** It carries out a step of a build: what an engine's end leaves of it is removed. */
  readonly isStep?: boolean;
  /** It is a step whose container stays, and was one after its end. */
  readonly stays?: boolean;
  /** What its profiles gave it, by setting: a value that differs by now is its own. */
  readonly inherited?: Readonly<Record<string, Inherited>>;
  /** The profiles that its named devices come from which are not its own, by device. */
  readonly inheritedDevices?: Readonly<Record<string, string>>;
  /** Its settings or devices are being changed: what a kill leaves undone, the next engine does. */
  readonly settling?: boolean;
  /** Somebody listens on these ports and starts it: see on-demand. `key`: where that leads. */
  readonly door?: { readonly ports: readonly PublishedPort[]; readonly key: string };
  /** Devices that are on their way out. */
  readonly leaving?: DeviceMap;
}

/** What its writable layer stands on. */
export function chainOf({ chain, image }: Pick<ContainerRecord, 'chain' | 'image'>): ChainId | null {
  return chain === undefined ? image.chain : chain;
}

export const initialState: ContainerState = {
  status: 'created',
  pid: 0,
  exitCode: 0,
  outOfMemory: false,
  error: '',
  startedAtNs: 0n,
  finishedAtNs: 0n,
  restartCount: 0,
};

/** PID 1 of a machine has a terminal, its console, which anybody may join, whatever was asked for. */
export function withConsole(kind: Kind, request: CreateRequest): CreateRequest {
  return kind === 'system' ? { ...request, terminal: true, openStdin: true } : request;
}

/** Big integers travel as decimal text with an `n` behind. */
export function formatRecord(record: ContainerRecord): string {
  return JSON.stringify(record, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

/** Reads a row back; a row that is no record is data-loss naming the container. */
export function parseRecord(id: string, text: string): ContainerRecord {
  try {
    const record = JSON.parse(text) as ContainerRecord;
    if (record.id !== id) throw new TypeError(`it is the record of ${String(record.id)}`);
    // By place, not by name: labels and sysctls may be called anything.
    const { state } = record;
    const times = { startedAtNs: parseTime(state.startedAtNs), finishedAtNs: parseTime(state.finishedAtNs) };
    // Rows of engines that published no ports, or mounted nothing, have none.
    const ports = (record.ports as readonly PublishedPort[] | undefined) ?? [];
    const mounts = (record.mounts as readonly ResolvedMount[] | undefined) ?? [];
    const request = withConsole(record.kind, record.request);
    return { ...record, request, ports, mounts, createdAtNs: parseTime(record.createdAtNs), state: { ...state, ...times } };
  } catch (cause) {
    throw unreadable(id, cause);
  }
}

function parseTime(value: unknown): bigint {
  if (typeof value === 'string' && /^-?\d+n$/.test(value)) return BigInt(value.slice(0, -1));
  throw new TypeError(`${String(value)} is no time`);
}

function unreadable(id: string, cause: unknown): OrlopError {
  return new OrlopError('data-loss', 'ENGINE_RECORD_UNREADABLE', `the record of container ${id} cannot be read`, {
    hint: `remove it with: orlop rm -f ${id.slice(0, 12)}`,
    cause,
  });
}

export function isActive(status: ContainerStatus): boolean {
  return status === 'running' || status === 'paused';
}
