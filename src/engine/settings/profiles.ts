import { OrlopError } from '#errors';
import { canonicalSetting, checkDevice, type DeviceConfig, type Profile, type ProfileChange, type ProfileView } from '#wire';
import type { EngineContext } from '../context.ts';

/** The profile of all containers that ask for no others. It is always there, and cannot be removed. */
export const defaultProfile = 'default';

/** Where all of them are kept: one row, replaced whole. */
const key = 'profiles';

type Kept = Pick<EngineContext, 'store'>;

/** By name. */
export function readProfiles({ store }: Kept): Profile[] {
  const text = store.metadata.settings.get(key);
  const profiles = text === null ? [] : (JSON.parse(text) as Profile[]);
  const withDefault = profiles.some(({ name }) => name === defaultProfile)
    ? profiles
    : [...profiles, { name: defaultProfile, description: '', settings: {} }];
  return withDefault.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** not-found for the first that is not there; one that is named twice counts once, at its last place. */
export function findProfiles(context: Kept, names: readonly string[]): Profile[] {
  const profiles = readProfiles(context);
  const last = names.filter((name, at) => names.lastIndexOf(name) === at);
  return last.map((name) => {
    const profile = profiles.find((one) => one.name === name);
    if (profile === undefined)
      throw new OrlopError('not-found', 'PROFILE_NOT_FOUND', `No such profile: ${name}`, { hint: 'see them with: orlop profile ls' });
    return profile;
  });
}

/** Makes a profile, or changes what it says. The containers that have it are not looked at here. Answers what it is now. */
export function planProfile(profiles: readonly Profile[], name: string, change: ProfileChange): Profile {
  checkName(name);
  const before = profiles.find((one) => one.name === name);
  if (before === undefined && change.create !== true)
    throw new OrlopError('not-found', 'PROFILE_NOT_FOUND', `No such profile: ${name}`, {
      hint: `make it with: orlop profile create ${name}`,
    });
  if (before !== undefined && change.create === true)
    throw new OrlopError('already-exists', 'PROFILE_EXISTS', `profile ${name} exists already`, {
      hint: 'change it with: orlop profile set',
    });
  const settings: Record<string, string> = change.replace === true ? {} : { ...before?.settings };
  for (const one of change.unset ?? []) delete settings[one];
  for (const [setting, text] of Object.entries(change.set ?? {})) settings[setting] = canonicalSetting(setting, text);
  const devices: Record<string, DeviceConfig> = change.replace === true ? {} : { ...before?.devices };
  for (const one of change.withoutDevices ?? []) {
    if (devices[one] === undefined) throw deviceNotFound(name, one);
    delete devices[one];
  }
  for (const [device, config] of Object.entries(change.devices ?? {})) devices[device] = checkDevice(device, config);
  const hasDevices = Object.keys(devices).length > 0;
  return { name, description: change.description ?? before?.description ?? '', settings, ...(hasDevices ? { devices } : {}) };
}

export function saveProfiles({ store }: Kept, profiles: readonly Profile[]): void {
  store.metadata.settings.set(key, JSON.stringify(profiles));
}

export function viewProfile(profile: Profile, usedBy: readonly string[]): ProfileView {
  return { ...profile, usedBy };
}

function deviceNotFound(profile: string, device: string): OrlopError {
  return new OrlopError('not-found', 'DEVICE_NOT_FOUND', `profile ${profile} has no device ${device}`, {
    hint: `see them with: orlop profile show ${profile}`,
  });
}

function checkName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(name)) return;
  throw new OrlopError('invalid-argument', 'PROFILE_NAME', `${JSON.stringify(name)} cannot be the name of a profile`, {
    hint: 'letters, digits, dots, hyphens and underscores, 63 at most, a letter or a digit first',
  });
}
