import { digestDecoder } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { array, arrayOrNull, boolean, type Decoder, int64, object, optional, record, refuse, required, string } from './json/decode.ts';
import { parseJson } from './json/text.ts';

/** Docker's health check: durations are nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** What a container made of the image starts with (image-spec config, `config`; Docker's additions included). */
export interface ContainerConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly StopTimeout?: number;
  readonly ArgsEscaped?: boolean;
  readonly Healthcheck?: Healthcheck;
  readonly Shell?: readonly string[];
  readonly OnBuild?: readonly string[];
}

export interface HistoryEntry {
  readonly created?: string;
  readonly author?: string;
  readonly created_by?: string;
  readonly comment?: string;
  /** True for a step that made no layer. */
  readonly empty_layer?: boolean;
}

/** image-spec config: one platform's image. */
export interface ImageConfig {
  readonly created?: string;
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  readonly config?: ContainerConfig;
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[];
  /** What its build's steps made, in base64: BuildKit's inline cache. */
  readonly 'moby.buildkit.cache.v0'?: string;
}

export const maxImageConfigBytes = 8 * 1024 * 1024;

const healthcheck = object<Healthcheck>({
  Test: optional(array(string)),
  Interval: optional(int64),
  Timeout: optional(int64),
  StartPeriod: optional(int64),
  StartInterval: optional(int64),
  Retries: optional(int64),
});

const anyObject: Decoder<object> = (value, path) => (typeof value === 'object' && value !== null ? {} : refuse(path, 'an object', value));

const containerConfig = object<ContainerConfig>({
  User: optional(string),
  ExposedPorts: optional(record(anyObject)),
  Env: optional(array(string)),
  Entrypoint: optional(array(string)),
  Cmd: optional(array(string)),
  Volumes: optional(record(anyObject)),
  WorkingDir: optional(string),
  Labels: optional(record(string)),
  StopSignal: optional(string),
  StopTimeout: optional(int64),
  ArgsEscaped: optional(boolean),
  Healthcheck: optional(healthcheck),
  Shell: optional(array(string)),
  OnBuild: optional(array(string)),
});

const historyEntry = object<HistoryEntry>({
  created: optional(string),
  author: optional(string),
  created_by: optional(string),
  comment: optional(string),
  empty_layer: optional(boolean),
});

const rootfs: Decoder<ImageConfig['rootfs']> = (value, path) => {
  const { type, diff_ids } = object<{ type?: string; diff_ids?: readonly Digest[] }>({
    type: optional(string),
    diff_ids: optional(arrayOrNull(digestDecoder, 1000)),
  })(value, path);
  if (type !== undefined && type !== 'layers') refuse(`${path}.type`, '"layers"', type);
  return { type: 'layers', diff_ids: diff_ids ?? [] };
};

const imageConfig = object<ImageConfig>({
  created: optional(string),
  author: optional(string),
  architecture: required(string),
  os: required(string),
  variant: optional(string),
  'os.version': optional(string),
  'os.features': optional(array(string)),
  config: optional(containerConfig),
  rootfs: required(rootfs),
  history: optional(array(historyEntry, 100_000)),
  'moby.buildkit.cache.v0': optional(string),
});

/** Fails with invalid-argument `OCI_BAD_JSON` naming the property. */
export function parseImageConfig(bytes: Uint8Array | string): ImageConfig {
  return imageConfig(parseJson(bytes, { name: 'image config', maxBytes: maxImageConfigBytes }), 'image config');
}

/** The bytes to store and to digest: the properties in their declared order, no white space. */
export function formatImageConfig(config: ImageConfig): string {
  const { created, author, architecture, os, variant, config: container, rootfs: root, history } = config;
  const versions = { 'os.version': config['os.version'], 'os.features': config['os.features'] };
  const cache = { 'moby.buildkit.cache.v0': config['moby.buildkit.cache.v0'] };
  return JSON.stringify({ created, author, architecture, os, variant, ...versions, config: container, rootfs: root, history, ...cache });
}
