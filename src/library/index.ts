export { OrlopError, isOrlopError, type ErrorKind } from '#errors';
export type { Client, PathStat, PullOptions, PulledImage, StopOptions } from '#client';
export type { BuildEvent, BuildResult, MountWish, Usage } from '#wire';
export {
  connect,
  type ConnectOptions,
  type Engine,
  type EngineEvent,
  type EventsOptions,
  type Images,
  type LaunchOptions,
} from './engine.ts';
export type { Build, BuildOptions } from './build.ts';
export type { Container, LogOptions, OwnedContainer } from './container.ts';
export type { ContainerOptions, HealthOptions, PortOptions } from './container-options.ts';
export type { Containers, CreateOptions, FetchOptions, RunToEndOptions } from './containers.ts';
export { openEngine, type EmbeddedEngine, type OpenOptions } from './embedded.ts';
export type { ExecOptions, ExecResult, SpawnOptions } from './exec.ts';
export type { Files, WriteOptions } from './files.ts';
export type { LeaseOptions } from './lease.ts';
export type { LogLine } from '#client';
export type { Network, NetworkOptions, Networks, OwnedNetwork } from './networks.ts';
export type { Input, Process, ProcessInput } from './process.ts';
export type { Snapshots } from './snapshots.ts';
export type { OwnedVolume, Volume, VolumeOptions, Volumes } from './volumes.ts';
export type { WaitOptions } from './wait-for.ts';
