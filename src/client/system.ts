import type {
  BuildOverrides,
  DockerEvent,
  DockerInfo,
  DockerVersion,
  DoctorBody,
  InfoBody,
  LaunchBody,
  LaunchResult,
  PingBody,
  Progress,
  ShutdownBody,
  TemplateBuildResult,
  TemplatesBody,
} from '#wire';
import { readJson, readLines } from './answers.ts';
import { followProgress } from './progress.ts';
import type { Transport } from './transport/transport.ts';

export interface FollowOptions {
  readonly progress?: (step: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface EventOptions {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly filters?: Readonly<Record<string, readonly string[]>>;
  readonly signal?: AbortSignal;
}

export interface SystemClient {
  ping(): Promise<PingBody>;
  /** Stops all containers in their order, then the engine, unless some could not be stopped. */
  shutdown(): Promise<ShutdownBody>;
  /** What of its host helps or hinders containers. */
  doctor(): Promise<DoctorBody>;
  /** What the engine says of itself, in Orlop's words. */
  info(): Promise<InfoBody>;
  /** The same in Docker's words. */
  dockerVersion(): Promise<DockerVersion>;
  dockerInfo(): Promise<DockerInfo>;
  /** Until the signal fires or `until` has passed. */
  events(options?: EventOptions): AsyncGenerator<DockerEvent>;
  /** Creates and starts a system container; a template that is not built yet is built first. */
  launch(body: LaunchBody, options?: FollowOptions): Promise<LaunchResult>;
  readonly templates: {
    /** With the recipes that cannot be used, one sentence each. */
    list(): Promise<TemplatesBody>;
    /** Resolves with the names of the images. */
    build(name: string, options?: FollowOptions & BuildOverrides & { rebuild?: boolean }): Promise<readonly string[]>;
  };
}

export function createSystemClient(transport: Transport): SystemClient {
  const get = async <Value>(path: string): Promise<Value> => readJson<Value>(await transport.request({ method: 'GET', path }));
  const follow = async <Result>(path: string, json: unknown, { progress = () => {}, signal }: FollowOptions): Promise<Result> => {
    const answer = await transport.request({ method: 'POST', path, json, ...(signal === undefined ? {} : { signal }) });
    return followProgress<Result>(answer, progress);
  };
  return {
    shutdown: async () => readJson(await transport.request({ method: 'POST', path: '/orlop/v1/shutdown', json: {} })),
    ping: () => get('/orlop/v1/ping'),
    info: () => get('/orlop/v1/info'),
    doctor: () => get('/orlop/v1/doctor'),
    dockerVersion: () => get('/version'),
    dockerInfo: () => get('/info'),
    events: (options = {}) => streamEvents(transport, options),
    launch: (body, options = {}) => follow('/orlop/v1/launch', body, options),
    templates: {
      list: () => get('/orlop/v1/templates'),
      build: async (name, { progress, signal, ...changes } = {}) => {
        const how = { ...(progress === undefined ? {} : { progress }), ...(signal === undefined ? {} : { signal }) };
        return (await follow<TemplateBuildResult>('/orlop/v1/templates/build', { name, ...changes }, how)).images;
      },
    },
  };
}

async function* streamEvents(transport: Transport, { since, until, filters, signal }: EventOptions): AsyncGenerator<DockerEvent> {
  const query = { since, until, filters: filters === undefined ? undefined : JSON.stringify(filters) };
  const answer = await transport.request({ method: 'GET', path: '/events', query, ...(signal === undefined ? {} : { signal }) });
  yield* readLines<DockerEvent>(answer.body);
}
