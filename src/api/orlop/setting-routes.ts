import type { Exchange, JsonReader, Route } from '#api/http';
import type {
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
import { checkKeys } from './known-keys.ts';

/** What the routes of settings need of the engine. */
export interface SettingBackend {
  readonly settings: {
    show(ref: string): SettingsView;
    change(ref: string, change: SettingsChange): Promise<SettingsChanged>;
    limits(ref: string): Promise<LimitUse[]>;
    readDocument(ref: string): string;
    writeDocument(ref: string, text: string): Promise<SettingsChanged>;
    readonly profiles: {
      list(): ProfileView[];
      find(name: string): ProfileView;
      change(name: string, change: ProfileChange): Promise<ProfileChanged>;
      remove(name: string): Promise<void>;
      readDocument(name: string): string;
      writeDocument(name: string, text: string): Promise<ProfileChanged>;
    };
  };
}

/** `/orlop/v1/containers/{id}/settings`, `…/limits`, and `/orlop/v1/profiles…` */
export function orlopSettingRoutes({ settings }: SettingBackend): Route[] {
  const { profiles } = settings;
  return [
    { method: 'GET', path: '/orlop/v1/containers/{id}/settings', handle: (exchange) => exchange.json(200, settings.show(idOf(exchange))) },
    { method: 'POST', path: '/orlop/v1/containers/{id}/settings', handle: (exchange) => change(settings, exchange) },
    {
      method: 'GET',
      path: '/orlop/v1/containers/{id}/settings/document',
      handle: (exchange) => exchange.json(200, { text: settings.readDocument(idOf(exchange)) } satisfies DocumentBody),
    },
    {
      method: 'PUT',
      path: '/orlop/v1/containers/{id}/settings/document',
      handle: async (exchange) => exchange.json(200, await settings.writeDocument(idOf(exchange), await readDocument(exchange))),
    },
    {
      method: 'GET',
      path: '/orlop/v1/profiles/{name}/document',
      handle: (exchange) => exchange.json(200, { text: profiles.readDocument(nameOf(exchange)) } satisfies DocumentBody),
    },
    {
      method: 'PUT',
      path: '/orlop/v1/profiles/{name}/document',
      handle: async (exchange) => exchange.json(200, await profiles.writeDocument(nameOf(exchange), await readDocument(exchange))),
    },
    { method: 'GET', path: '/orlop/v1/containers/{id}/limits', handle: (exchange) => limits(settings, exchange) },
    {
      method: 'GET',
      path: '/orlop/v1/profiles',
      handle: (exchange) => exchange.json(200, { profiles: profiles.list() } satisfies ProfilesBody),
    },
    { method: 'GET', path: '/orlop/v1/profiles/{name}', handle: (exchange) => exchange.json(200, profiles.find(nameOf(exchange))) },
    { method: 'POST', path: '/orlop/v1/profiles/{name}', handle: (exchange) => changeProfile(profiles, exchange) },
    { method: 'DELETE', path: '/orlop/v1/profiles/{name}', handle: (exchange) => removeProfile(profiles, exchange) },
  ];
}

const idOf = ({ parameters }: Exchange): string => parameters['id'] ?? '';
const nameOf = ({ parameters }: Exchange): string => parameters['name'] ?? '';

async function readDocument(exchange: Exchange): Promise<string> {
  const body = await exchange.readObject();
  checkKeys(body, ['text']);
  return body.text('text');
}

async function change(settings: SettingBackend['settings'], exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  checkKeys(body, ['set', 'unset', 'replace', 'once', 'profiles', 'devices']);
  const profiles = body.texts('profiles');
  const wanted = { ...decodeSets(body), ...flagOf(body, 'once'), ...decodeDevices(body), ...(profiles === null ? {} : { profiles }) };
  exchange.json(200, await settings.change(idOf(exchange), wanted));
}

async function limits(settings: SettingBackend['settings'], exchange: Exchange): Promise<void> {
  exchange.json(200, { limits: await settings.limits(idOf(exchange)) } satisfies LimitsBody);
}

async function changeProfile(profiles: SettingBackend['settings']['profiles'], exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  checkKeys(body, ['set', 'unset', 'replace', 'create', 'description', 'devices', 'withoutDevices']);
  const description = body.raw('description') === undefined ? {} : { description: body.text('description') };
  const withoutDevices = body.texts('withoutDevices');
  const wanted = { ...decodeSets(body), ...flagOf(body, 'create'), ...decodeDevices(body), ...description };
  exchange.json(200, await profiles.change(nameOf(exchange), { ...wanted, ...(withoutDevices === null ? {} : { withoutDevices }) }));
}

async function removeProfile(profiles: SettingBackend['settings']['profiles'], exchange: Exchange): Promise<void> {
  await profiles.remove(nameOf(exchange));
  exchange.empty(204);
}

function decodeSets(body: JsonReader): Pick<SettingsChange, 'set' | 'unset' | 'replace'> {
  return { set: body.textMap('set') ?? {}, unset: body.texts('unset') ?? [], ...flagOf(body, 'replace') };
}

function decodeDevices(body: JsonReader): Pick<SettingsChange, 'devices'> {
  if ((body.raw('devices') ?? null) === null) return {};
  const devices = body.object('devices');
  return { devices: Object.fromEntries(devices.keys.map((name) => [name, devices.textMap(name) ?? {}])) };
}

function flagOf<Name extends string>(body: JsonReader, name: Name): Partial<Record<Name, true>> {
  return body.flag(name) ? ({ [name]: true } as Record<Name, true>) : {};
}
