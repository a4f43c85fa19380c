import type {
  DeviceConfig,
  DeviceMap,
  DevicesBody,
  DocumentBody,
  LimitsBody,
  LimitUse,
  ProfileChange,
  ProfileChanged,
  ProfilesBody,
  ProfileView,
  SettingsChange,
  SettingsChanged,
  SettingsView,
} from '#wire';
import { readJson, readText } from './answers.ts';
import type { Transport } from './transport/transport.ts';

/** What containers are held to. `ref` is an id, the start of one, or a name. */
export interface SettingsClient {
  show(ref: string): Promise<SettingsView>;
  /** All of it or nothing: at once where the kernel can, and for later starts. */
  change(ref: string, change: SettingsChange): Promise<SettingsChanged>;
  /** How close it is to its limits, and how often it met them. */
  limits(ref: string): Promise<readonly LimitUse[]>;
  /** Profiles and settings as YAML, for people; the rest stands in comments. */
  readDocument(ref: string): Promise<string>;
  /** Such a text, in place of all that is set. Nothing changes when there is an error in it. */
  writeDocument(ref: string, text: string): Promise<SettingsChanged>;
}

/** What is added to containers by name, running or not. */
export interface DevicesClient {
  list(ref: string): Promise<DeviceMap>;
  /** With the profiles that they come from. */
  show(ref: string): Promise<DevicesBody>;
  /** `config`: its `type`, and what that takes (docs/devices.md). */
  add(ref: string, device: string, config: DeviceConfig): Promise<void>;
  /** Other values of some of its keys. */
  change(ref: string, device: string, change: DeviceConfig): Promise<void>;
  remove(ref: string, device: string): Promise<void>;
}

export function createDevicesClient(transport: Transport): DevicesClient {
  const at = (ref: string, device?: string): string =>
    `/orlop/v1/containers/${encodeURIComponent(ref)}/devices${device === undefined ? '' : `/${encodeURIComponent(device)}`}`;
  const show = async (ref: string): Promise<DevicesBody> => readJson(await transport.request({ method: 'GET', path: at(ref) }));
  return {
    show,
    list: async (ref) => (await show(ref)).devices,
    add: async (ref, device, config) =>
      void (await readText(await transport.request({ method: 'PUT', path: at(ref, device), json: config }))),
    change: async (ref, device, change) =>
      void (await readText(await transport.request({ method: 'POST', path: at(ref, device), json: change }))),
    remove: async (ref, device) => void (await readText(await transport.request({ method: 'DELETE', path: at(ref, device) }))),
  };
}

/** Settings that containers share. */
export interface ProfilesClient {
  list(): Promise<readonly ProfileView[]>;
  inspect(name: string): Promise<ProfileView>;
  /** The containers that have it follow at once. */
  change(name: string, change: ProfileChange): Promise<ProfileChanged>;
  remove(name: string): Promise<void>;
  readDocument(name: string): Promise<string>;
  writeDocument(name: string, text: string): Promise<ProfileChanged>;
}

export function createSettingsClient(transport: Transport): SettingsClient {
  const at = (ref: string, what: string): string => `/orlop/v1/containers/${encodeURIComponent(ref)}/${what}`;
  return {
    show: async (ref) => readJson(await transport.request({ method: 'GET', path: at(ref, 'settings') })),
    change: async (ref, change) => readJson(await transport.request({ method: 'POST', path: at(ref, 'settings'), json: change })),
    limits: async (ref) => (await readJson<LimitsBody>(await transport.request({ method: 'GET', path: at(ref, 'limits') }))).limits,
    readDocument: async (ref) =>
      (await readJson<DocumentBody>(await transport.request({ method: 'GET', path: at(ref, 'settings/document') }))).text,
    writeDocument: async (ref, text) =>
      readJson(await transport.request({ method: 'PUT', path: at(ref, 'settings/document'), json: { text } satisfies DocumentBody })),
  };
}

export function createProfilesClient(transport: Transport): ProfilesClient {
  const at = (name: string): string => `/orlop/v1/profiles/${encodeURIComponent(name)}`;
  return {
    list: async () => (await readJson<ProfilesBody>(await transport.request({ method: 'GET', path: '/orlop/v1/profiles' }))).profiles,
    inspect: async (name) => readJson(await transport.request({ method: 'GET', path: at(name) })),
    change: async (name, change) => readJson(await transport.request({ method: 'POST', path: at(name), json: change })),
    remove: async (name) => void (await readText(await transport.request({ method: 'DELETE', path: at(name) }))),
    readDocument: async (name) =>
      (await readJson<DocumentBody>(await transport.request({ method: 'GET', path: `${at(name)}/document` }))).text,
    writeDocument: async (name, text) =>
      readJson(await transport.request({ method: 'PUT', path: `${at(name)}/document`, json: { text } satisfies DocumentBody })),
  };
}
