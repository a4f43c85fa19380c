import type { Duplex } from 'node:stream';
import type {
  ContainerChange,
  ContainerFilter,
  ContainerSample,
  ContainerSize,
  ContainerView,
  CreateRequest,
  ImageView,
  StopRequest,
  WaitCondition,
} from '#wire';

export interface LogRequest {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly sinceNs?: bigint;
  readonly untilNs?: bigint;
  readonly tail?: number;
  /** Called once what is kept is open: from then on it is read to its end, also when the container is removed. */
  readonly onOpen?: () => void;
}

export interface LogRecord {
  readonly stream: 'stdout' | 'stderr';
  readonly timeNs: bigint;
  readonly data: Buffer;
  /** What the container's log options chose to tell of it. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A byte pipe to the process: raw with a terminal, else Docker's frames from it and raw bytes to it. */
export interface AttachedStream {
  readonly stream: Duplex;
  readonly terminal: boolean;
  /** Of an exact one: its output begins behind all that the log has up to this time, ns since the epoch. */
  readonly sinceNs?: bigint;
  /** To be called when the client has typed the keys that let go of it. */
  readonly onDetach?: () => void;
}

/** What the container routes need of the engine. `ref` is an id, the start of one, or a name. */
export interface ContainerBackend {
  readonly images: {
    /** not-found when it is not here, or not for that platform (`linux/arm64/v8`). */
    inspect(ref: string, platform?: string): ImageView;
  };
  readonly containers: {
    create(request: CreateRequest): Promise<{ id: string; warnings: string[] }>;
    start(ref: string): Promise<boolean>;
    stop(ref: string, options: StopRequest): Promise<boolean>;
    restart(ref: string, options: StopRequest): Promise<void>;
    kill(ref: string, signal: string): Promise<void>;
    pause(ref: string): Promise<void>;
    unpause(ref: string): Promise<void>;
    rename(ref: string, name: string): Promise<void>;
    /** Answers warnings. */
    update(ref: string, change: ContainerChange): Promise<readonly string[]>;
    remove(ref: string, options: { force?: boolean; volumes?: boolean }): Promise<void>;
    removeLink(ref: string): Promise<void>;
    wait(ref: string, condition: WaitCondition, signal: AbortSignal): Promise<{ exitCode: number; error?: string }>;
    list(filter: ContainerFilter): ContainerView[];
    inspect(ref: string): ContainerView;
    /** `exact`: joins what the log holds without a gap or a repetition, see `sinceNs`. */
    attach(ref: string, request: { stdin: boolean; stdout: boolean; stderr: boolean; exact?: boolean }): Promise<AttachedStream>;
    /** Fails at once, not with the first record, where a log cannot be read. */
    logs(ref: string, request: LogRequest, signal: AbortSignal): AsyncIterable<LogRecord>;
    resize(ref: string, rows: number, columns: number): Promise<void>;
    size(ref: string): Promise<ContainerSize>;
    sample(ref: string): ContainerSample | null;
    top(ref: string, psArguments: string): Promise<{ titles: string[]; processes: string[][] }>;
  };
}
