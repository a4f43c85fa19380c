import type { ValueOf } from '../shape/index.ts';
import type { model, ConfigConfig, NetworkConfig, SecretConfig, VolumeConfig } from './resources.ts';
import type { ServiceConfig } from './service.ts';

type Named<T> = Readonly<Record<string, T>>;

/** A loaded project: what its files say, merged, with names and defaults filled in. */
export interface Project {
  readonly name: string;
  /** Absolute; relative paths were of it. */
  readonly directory: string;
  /** Between the parts of names of containers and images: `_` as with docker-compose 1, or else `-`. */
  readonly separator?: '_';
  /** The files that it was read from, absolute. */
  readonly files: readonly string[];
  /** What interpolation took variables from. */
  readonly environment: Named<string>;
  readonly services: Named<ServiceConfig>;
  /** Not among `services`, since their profiles are not asked for. */
  readonly disabled: Named<ServiceConfig>;
  readonly networks: Named<NetworkConfig>;
  readonly volumes: Named<VolumeConfig>;
  readonly secrets: Named<SecretConfig>;
  readonly configs: Named<ConfigConfig>;
  readonly models: Named<ValueOf<typeof model>>;
  readonly extensions: Named<unknown>;
}
