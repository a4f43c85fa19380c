import type { EngineEvent, EngineInfo } from '#wire';

/** What ping, version, info and events need of the engine. */
export interface SystemBackend {
  info(): EngineInfo;
  events(
    options: { sinceNs?: bigint; untilNs?: bigint; filters?: Readonly<Record<string, readonly string[]>> },
    signal: AbortSignal,
  ): AsyncIterable<EngineEvent>;
}
