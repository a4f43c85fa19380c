import type { DeviceConfig, DeviceMap } from './devices.ts';

/** Settings by their names, as `set` writes them. */
export type SettingMap = Readonly<Record<string, string>>;

/** What is to become of a container's settings. All of it, or nothing. */
export interface SettingsChange {
  readonly set?: SettingMap;
  readonly unset?: readonly string[];
  /** `set` is all that the container has of its own: the rest is unset. */
  readonly replace?: boolean;
  /** Only of the running container, and forgotten at its end. */
  readonly once?: boolean;
  /** Instead of those that it has. */
  readonly profiles?: readonly string[];
  /** All devices that it is to have of its own, instead of those that it has. */
  readonly devices?: DeviceMap;
}

export interface SettingsChanged {
  /** What holds from the next start on. */
  readonly pending: readonly string[];
  readonly warnings: readonly string[];
}

export interface ShownSetting {
  readonly name: string;
  /** null: it holds for this run only. */
  readonly value: string | null;
  /** The profile that it comes from; null: the container's own. */
  readonly profile: string | null;
  /** What the running container is held to where that is something else; null: to nothing. */
  readonly inForce?: string | null;
}

export interface ShownDevice {
  readonly name: string;
  readonly config: DeviceConfig;
  /** The profile that it comes from; null: the container's own. */
  readonly profile: string | null;
}

export interface SettingsView {
  readonly id: string;
  readonly name: string;
  readonly kind: 'app' | 'system';
  readonly status: string;
  readonly profiles: readonly string[];
  /** By name. */
  readonly settings: readonly ShownSetting[];
  /** By name. */
  readonly devices: readonly ShownDevice[];
}

/** One limit, and how it went. Unknown is null, and so is no limit. */
export interface LimitUse {
  /** The setting that makes it. */
  readonly name: string;
  readonly unit: 'bytes' | 'count' | 'processors' | 'bytes/s' | 'bits/s';
  readonly current: number | null;
  readonly peak: number | null;
  readonly limit: number | null;
  /** How often it was reached since the start. */
  readonly hits: number | null;
  /** What a hit means, and what else is to be said: `3 processes killed`. */
  readonly note: string;
}

/** Settings that containers can share. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  readonly settings: SettingMap;
  /** Absent: none. */
  readonly devices?: DeviceMap;
}

export interface ProfileView extends Profile {
  /** Names of the containers that have it. */
  readonly usedBy: readonly string[];
}

export interface ProfileChange {
  /** It is not there yet; without, it is. */
  readonly create?: boolean;
  readonly description?: string;
  readonly set?: SettingMap;
  readonly unset?: readonly string[];
  /** Devices that it is to have, each whole. */
  readonly devices?: DeviceMap;
  readonly withoutDevices?: readonly string[];
  /** `set` and `devices` are all that it says. */
  readonly replace?: boolean;
}

export interface ProfileChanged {
  readonly profile: ProfileView;
  /** Of containers that could not follow, and limits that this host lacks. */
  readonly warnings: readonly string[];
}

export interface LimitsBody {
  readonly limits: readonly LimitUse[];
}

export interface ProfilesBody {
  readonly profiles: readonly ProfileView[];
}

export interface ShutdownBody {
  /** Names of containers that could not be stopped; then the engine goes on. */
  readonly failed: readonly string[];
}

/** YAML. */
export interface DocumentBody {
  readonly text: string;
}
