import {
  killedHeader,
  type BootBody,
  type BootView,
  type DockerContainer,
  type DockerContainerSummary,
  type DockerCreateBody,
  type DockerCreated,
  type DockerHostConfig,
  type DockerStats,
  type DockerTop,
  type DockerWait,
  type Frame,
  type WaitCondition,
} from '#wire';
import { readJson, readLines, readText } from './answers.ts';
import { openProcessStream, readFrames, type ProcessStream } from './process-stream.ts';
import type { Answer, Transport } from './transport/transport.ts';

export interface StopOptions {
  /** Seconds before KILL; -1: never. */
  readonly timeoutS?: number | undefined;
  readonly signal?: string | undefined;
  /** Called with the seconds that were waited when it had to be killed. */
  readonly onKilled?: ((timeoutS: number) => void) | undefined;
}

export interface AttachOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** First what it has said before. */
  readonly logs?: boolean;
  readonly detachKeys?: string | undefined;
}

export interface LogOptions {
  readonly follow?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly timestamps?: boolean;
  /** What the container's log options chose of labels and environment, before each line. */
  readonly details?: boolean;
  /** Seconds since the epoch or RFC 3339. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly tail?: number | undefined;
  readonly signal?: AbortSignal;
}

export interface ListOptions {
  readonly all?: boolean;
  readonly limit?: number | undefined;
  /** Also how much each has written: that takes longer. */
  readonly size?: boolean;
  readonly filters?: Readonly<Record<string, readonly string[]>>;
}

/** A wait that is in place: a start after this cannot be missed. */
export interface ExpectedExit {
  readonly exit: Promise<DockerWait>;
}

/** Containers of both kinds. `ref` is an id, an unambiguous start of one, or a name. Errors are the engine's own, with their kind. */
export interface ContainersClient {
  /** `platform`: refused unless it is the one of the image here. */
  create(body: DockerCreateBody, name?: string, platform?: string): Promise<DockerCreated>;
  /** false: it was running already. */
  start(ref: string): Promise<boolean>;
  /** false: it was not running. */
  stop(ref: string, options?: StopOptions): Promise<boolean>;
  restart(ref: string, options?: StopOptions): Promise<void>;
  /**
   * Resolves when a machine that runs is up, with how; null when its init cannot be asked. failed-precondition when it ends before, deadline-exceeded when the time is over: the hint has its last words.
   */
  awaitBoot(ref: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<BootView | null>;
  kill(ref: string, signal?: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  /** Limits and restart policy, in Docker's fields of HostConfig. Answers warnings. */
  update(ref: string, change: Partial<DockerHostConfig>): Promise<readonly string[]>;
  /** Changes what the container may write, in bytes, while it runs or not. */
  resizeDisk(ref: string, sizeBytes: number): Promise<void>;
  /** `link`: `web/alias` is the one link that calls a container so, which goes while both containers stay. */
  remove(ref: string, options?: { force?: boolean; volumes?: boolean; link?: boolean }): Promise<void>;
  list(options?: ListOptions): Promise<DockerContainerSummary[]>;
  inspect(ref: string, options?: { size?: boolean }): Promise<DockerContainer>;
  wait(ref: string, options?: { condition?: WaitCondition; signal?: AbortSignal }): Promise<DockerWait>;
  /** Resolves when the engine waits; the exit follows. */
  expectExit(ref: string, options: { condition: WaitCondition; signal?: AbortSignal }): Promise<ExpectedExit>;
  attach(ref: string, options: AttachOptions): Promise<ProcessStream>;
  /** What it has said, piece by piece; of a terminal all is stdout. Leaving the loop closes the connection. */
  logs(ref: string, options: LogOptions): AsyncGenerator<Frame>;
  resize(ref: string, rows: number, columns: number): Promise<void>;
  /** What it uses at this moment. */
  sample(ref: string): Promise<DockerStats>;
  /** The same every second, with what was before. Leaving the loop closes the connection. */
  stats(ref: string, options?: { signal?: AbortSignal }): AsyncGenerator<DockerStats>;
  top(ref: string, psArguments?: string): Promise<DockerTop>;
}

export function createContainersClient(transport: Transport): ContainersClient {
  const at = (ref: string, rest = ''): string => `/containers/${encodeURIComponent(ref)}${rest}`;
  const act = async (ref: string, verb: string, query: Record<string, string | number | undefined> = {}): Promise<Answer> => {
    const answer = await transport.request({ method: 'POST', path: at(ref, `/${verb}`), query });
    await readText(answer);
    return answer;
  };
  const end = async (ref: string, verb: 'stop' | 'restart', { timeoutS, signal, onKilled }: StopOptions): Promise<number> => {
    const { status, headers } = await act(ref, verb, { t: timeoutS, signal });
    const killedAfter = headers.get(killedHeader);
    if (killedAfter !== undefined) onKilled?.(Number(killedAfter));
    return status;
  };
  const expectExit: ContainersClient['expectExit'] = async (ref, { condition, signal }) => {
    const answer = await transport.request({
      method: 'POST',
      path: at(ref, '/wait'),
      query: { condition },
      ...(signal === undefined ? {} : { signal }),
    });
    const exit = readJson<DockerWait>(answer);
    // Whoever gives the wait up need not hear how it ended.
    exit.catch(() => undefined);
    return { exit };
  };
  return {
    create: async (body, name, platform) =>
      readJson(await transport.request({ method: 'POST', path: '/containers/create', query: { name, platform }, json: body })),
    start: async (ref) => (await act(ref, 'start')).status !== 304,
    stop: async (ref, options = {}) => (await end(ref, 'stop', options)) !== 304,
    restart: async (ref, options = {}) => void (await end(ref, 'restart', options)),
    awaitBoot: async (ref, { timeoutMs, signal }) => {
      const path = `/orlop/v1${at(ref, '/await-boot')}`;
      const options = signal === undefined ? {} : { signal };
      return (await readJson<BootBody>(await transport.request({ method: 'POST', path, json: { timeoutMs }, ...options }))).boot;
    },
    kill: async (ref, signal) => void (await act(ref, 'kill', { signal })),
    pause: async (ref) => void (await act(ref, 'pause')),
    unpause: async (ref) => void (await act(ref, 'unpause')),
    rename: async (ref, name) => void (await act(ref, 'rename', { name })),
    update: async (ref, change) => {
      const answer = await transport.request({ method: 'POST', path: at(ref, '/update'), json: change });
      return (await readJson<{ Warnings: string[] | null }>(answer)).Warnings ?? [];
    },
    resizeDisk: async (ref, sizeBytes) => {
      await readText(await transport.request({ method: 'POST', path: `/orlop/v1${at(ref, '/disk')}`, json: { sizeBytes } }));
    },
    remove: async (ref, options = {}) => {
      await readText(
        await transport.request({
          method: 'DELETE',
          path: at(ref),
          query: { force: options.force, v: options.volumes, link: options.link },
        }),
      );
    },
    list: async (options = {}) => {
      const { all, limit, size, filters } = options;
      const query = {
        all,
        limit,
        size: size === true ? true : undefined,
        filters: filters === undefined ? undefined : JSON.stringify(filters),
      };
      return readJson(await transport.request({ method: 'GET', path: '/containers/json', query }));
    },
    inspect: async (ref, { size } = {}) => readJson(await transport.request({ method: 'GET', path: at(ref, '/json'), query: { size } })),
    wait: async (ref, { condition = 'not-running', signal } = {}) => {
      const { exit } = await expectExit(ref, { condition, ...(signal === undefined ? {} : { signal }) });
      return exit;
    },
    expectExit,
    attach: async (ref, { stdin, stdout, stderr, logs, detachKeys }) => {
      const query = { stream: true, stdin, stdout, stderr, logs, detachKeys };
      return openProcessStream(await transport.hijack({ method: 'POST', path: at(ref, '/attach'), query }));
    },
    logs: (ref, options) => streamLogs(transport, at(ref, '/logs'), options),
    resize: async (ref, rows, columns) => void (await act(ref, 'resize', { h: rows, w: columns })),
    sample: async (ref) =>
      readJson(await transport.request({ method: 'GET', path: at(ref, '/stats'), query: { stream: false, 'one-shot': true } })),
    async *stats(ref, { signal } = {}) {
      const answer = await transport.request({ method: 'GET', path: at(ref, '/stats'), ...(signal === undefined ? {} : { signal }) });
      yield* readLines<DockerStats>(answer.body);
    },
    top: async (ref, psArguments) =>
      readJson(await transport.request({ method: 'GET', path: at(ref, '/top'), query: { ps_args: psArguments } })),
  };
}

async function* streamLogs(transport: Transport, path: string, options: LogOptions): AsyncGenerator<Frame> {
  const { signal, ...wanted } = options;
  const query = { stdout: true, stderr: true, ...wanted };
  const answer = await transport.request({ method: 'GET', path, query, ...(signal === undefined ? {} : { signal }) });
  yield* readFrames(answer.body, answer.contentType);
}
