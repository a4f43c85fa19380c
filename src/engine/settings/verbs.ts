import { OrlopError, toOrlopError } from '#errors';
import type { LimitUse, Profile, ProfileChange, ProfileChanged, ProfileView, SettingsChange, SettingsChanged, SettingsView } from '#wire';
import type { ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { ownDevices, planNamed, withNamed } from '../devices/named.ts';
import { changeSettings, planSettled, showSettings } from './change.ts';
import { formatProfile, formatSettings, parseProfileText, parseSettingsText } from './document.ts';
import { settingFacts } from './facts.ts';
import { limitsInUse } from './limits-in-use.ts';
import { ownSettings, planSettings, withSettings } from './plan-change.ts';
import { defaultProfile, findProfiles, planProfile, readProfiles, saveProfiles, viewProfile } from './profiles.ts';

/** What containers are held to, and what they share of that. */
export interface SettingVerbs {
  show(ref: string): SettingsView;
  /** All of it or nothing, at once where the kernel can, and for later starts. invalid-argument for a value that is none, failed-precondition for one that cannot be here. */
  change(ref: string, change: SettingsChange): Promise<SettingsChanged>;
  /** How close a container is to its limits, and how often it met them. */
  limits(ref: string): Promise<LimitUse[]>;
  /** What is set, as YAML for people; `writeDocument` takes such a text in place of all that is set. */
  readDocument(ref: string): string;
  writeDocument(ref: string, text: string): Promise<SettingsChanged>;
  readonly profiles: {
    list(): ProfileView[];
    find(name: string): ProfileView;
    /** The containers that have it follow at once; one that cannot keeps what it has, with a warning. */
    change(name: string, change: ProfileChange): Promise<ProfileChanged>;
    /** conflict while a container has it. */
    remove(name: string): Promise<void>;
    readDocument(name: string): string;
    writeDocument(name: string, text: string): Promise<ProfileChanged>;
  };
}

export function createSettingVerbs(context: EngineContext): SettingVerbs {
  const view = (profile: Profile): ProfileView =>
    viewProfile(
      profile,
      usersOf(context, profile.name).map(({ record }) => record.name),
    );
  const change = async (name: string, wanted: ProfileChange): Promise<ProfileChanged> => {
    const warnings = await changeProfile(context, name, wanted);
    return { profile: view(one(findProfiles(context, [name]))), warnings };
  };
  return {
    show: (ref) => showSettings(context, ref),
    change: (ref, wanted) => changeSettings(context, ref, wanted),
    limits: (ref) => limitsInUse(context, ref),
    readDocument: (ref) => formatSettings(showSettings(context, ref)),
    writeDocument: (ref, text) => changeSettings(context, ref, parseSettingsText(text)),
    profiles: {
      list: () => readProfiles(context).map(view),
      find: (name) => view(one(findProfiles(context, [name]))),
      change,
      readDocument: (name) => formatProfile(view(one(findProfiles(context, [name])))),
      writeDocument: async (name, text) => change(name, parseProfileText(text)),
      remove: async (name) => removeProfile(context, name),
    },
  };
}

function one(profiles: readonly Profile[]): Profile {
  const [profile] = profiles;
  if (profile === undefined) throw new OrlopError('internal', 'PROFILE_GONE', 'a profile went away while it was looked at');
  return profile;
}

function usersOf(context: EngineContext, profile: string): LiveContainer[] {
  return context.table.all().filter(({ record }) => record.request.profiles?.includes(profile) === true);
}

/** Refused while one of its containers could not be so; then the profile is written, and each container follows. What a kill leaves, the next engine does. */
async function changeProfile(context: EngineContext, name: string, change: ProfileChange): Promise<string[]> {
  const profiles = readProfiles(context);
  const isNew = change.create === true && name === defaultProfile && context.store.metadata.settings.get('profiles') === null;
  const next = planProfile(isNew ? [] : profiles, name, change);
  const all = [...profiles.filter((profile) => profile.name !== name), next];
  const users = usersOf(context, name);
  for (const { record } of users) {
    const named = (record.request.profiles ?? [])
      .map((wanted) => all.find((profile) => profile.name === wanted))
      .filter((found) => found !== undefined);
    const facts = settingFacts(context, record);
    const wanted = planSettings(ownSettings(record, facts), named);
    planSettled(context, record, withSettings(record, wanted, { names: record.request.profiles ?? [], facts }), { facts, profiles: named });
  }
  saveProfiles(context, all);
  const warnings: string[] = [];
  for (const { record } of users) warnings.push(...(await follow(context, record.id)));
  return warnings;
}

async function follow(context: EngineContext, id: string): Promise<readonly string[]> {
  const container = context.table.get(id as LiveContainer['record']['id']);
  if (container === undefined) return [];
  try {
    return (await changeSettings(context, id, {})).warnings;
  } catch (error) {
    return [`container ${container.record.name} keeps what it has: ${toOrlopError(error).message}`];
  }
}

function removeProfile(context: EngineContext, name: string): void {
  if (name === defaultProfile)
    throw new OrlopError('failed-precondition', 'PROFILE_DEFAULT', 'the profile default is always there', {
      hint: 'empty it with: orlop profile edit default',
    });
  const profile = one(findProfiles(context, [name]));
  const [user] = usersOf(context, name);
  if (user !== undefined)
    throw new OrlopError('conflict', 'PROFILE_IN_USE', `profile ${name} is that of container ${user.record.name}`, {
      hint: `take it away with: orlop profile remove ${user.record.name} ${name}`,
    });
  saveProfiles(
    context,
    readProfiles(context).filter(({ name: other }) => other !== profile.name),
  );
}

function isDifferent(wanted: ContainerRecord, record: ContainerRecord): boolean {
  const parts = ({ request, inherited, inheritedDevices }: ContainerRecord): string =>
    JSON.stringify([request, inherited, inheritedDevices]);
  return parts(wanted) !== parts(record);
}

/** When the engine comes up: containers that did not come to follow a profile before the last one ended. Those that cannot keep what they have, and the log says so. */
export async function followProfiles(context: EngineContext): Promise<void> {
  for (const { record } of context.table.all()) {
    const names = record.request.profiles ?? [];
    if (names.length === 0) continue;
    try {
      const profiles = findProfiles(context, names);
      const isEmpty = profiles.every(({ settings, devices }) => Object.keys({ ...settings, ...devices }).length === 0);
      if (isEmpty && Object.keys({ ...record.inherited, ...record.inheritedDevices }).length === 0) continue;
      const facts = settingFacts(context, record);
      const wanted = withSettings(record, planSettings(ownSettings(record, facts), profiles), { names, facts });
      const named = withNamed(wanted, planNamed(ownDevices(record), profiles), (name) => context.volumes.pathOf(name));
      if (isDifferent(named, record)) await changeSettings(context, record.id, {});
    } catch (error) {
      context.logger.warn('a container does not follow its profiles', { container: record.name, error });
    }
  }
}
