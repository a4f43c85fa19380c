import { OrlopError } from '#errors';
import {
  canonicalSetting,
  findSetting,
  type Profile,
  type SettingMap,
  type SettingsChange,
  type SettingsView,
  type ShownSetting,
} from '#wire';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { Inherited } from './inherited.ts';

import { namesSet, readSetting, type SettingFacts, withRequest, writeSetting } from './places.ts';

/** A setting, and where it comes from; `profile` is null for the container's own. */
export interface Effective {
  readonly value: string;
  readonly profile: string | null;
}

/** The settings that a container has of its own: what came of a profile and has been changed since is its own as well. Pure. */
export function ownSettings(record: ContainerRecord, facts: SettingFacts): Record<string, string> {
  const own: Record<string, string> = {};
  for (const name of namesSet(record, facts)) {
    const value = readSetting(record, name, facts);
    const inherited = record.inherited?.[name];
    const isInherited = inherited !== undefined && value === readSetting(written(record, name, inherited.value, facts), name, facts);
    if (value !== undefined && !isInherited) own[name] = value;
  }
  return own;
}

/** Own settings before those of profiles, later profiles before earlier ones. Pure. */
export function planSettings(own: SettingMap, profiles: readonly Pick<Profile, 'name' | 'settings'>[]): Map<string, Effective> {
  const effective = new Map<string, Effective>();
  for (const { name: profile, settings } of profiles)
    for (const [name, value] of Object.entries(settings)) effective.set(name, { value, profile });
  for (const [name, value] of Object.entries(own)) effective.set(name, { value, profile: null });
  return effective;
}

/** The record after a change of what is its own, or of its profiles. `once` leaves the record as it is but for what this run is held to. Pure. */
export function planChange(
  record: ContainerRecord,
  change: SettingsChange,
  profiles: readonly Profile[],
  facts: SettingFacts,
): ContainerRecord {
  if (change.once === true) return planOnce(record, change, facts);
  const before = ownSettings(record, facts);
  const own: Record<string, string> = change.replace === true ? {} : { ...before };
  for (const name of change.unset ?? []) {
    findSetting(name);
    delete own[name];
  }
  for (const [name, text] of Object.entries(change.set ?? {})) own[name] = canonicalSetting(name, text);
  return withSettings(record, planSettings(own, profiles), { names: profiles.map(({ name }) => name), facts });
}

/** A record whose settings are these and no others. Pure. */
export function withSettings(
  record: ContainerRecord,
  wanted: ReadonlyMap<string, Effective>,
  { names, facts }: { readonly names: readonly string[]; readonly facts: SettingFacts },
): ContainerRecord {
  const gone = namesSet(record, facts).filter((name) => !wanted.has(name));
  // Swap is beside memory: it goes before, and comes after.
  const next = inOrder(gone).reduce((so, name) => writeSetting(so, name, null, facts), record);
  const changed = [...wanted.keys()].filter((name) => readSetting(next, name, facts) !== wanted.get(name)?.value);
  const whole = inOrder(changed, 'last').reduce((so, name) => writeSetting(so, name, wanted.get(name)?.value ?? null, facts), next);
  const inherited: Record<string, Inherited> = {};
  for (const [name, { value, profile }] of wanted) if (profile !== null) inherited[name] = { value, profile };
  return withPending(record, withRequest({ ...whole, inherited }, { profiles: names.length === 0 ? undefined : [...names] }), facts);
}

function inOrder(names: readonly string[], swap: 'first' | 'last' = 'first'): string[] {
  const weight = (name: string): number => (name === 'limits.memory.swap' ? (swap === 'first' ? -1 : 1) : 0);
  return names.toSorted((a, b) => weight(a) - weight(b));
}

function written(record: ContainerRecord, name: string, value: string, facts: SettingFacts): ContainerRecord {
  try {
    return writeSetting(record, name, value, facts);
  } catch {
    // What could be written once cannot any more: then it is not what is there.
    return record;
  }
}

/** Remembers what the running container goes on with, of settings that hold at its next start. */
function withPending(before: ContainerRecord, after: ContainerRecord, facts: SettingFacts): ContainerRecord {
  if (after.run === null || !isActive(after.state.status)) return after;
  const pending: Record<string, string | null> = {};
  const names = new Set([...namesSet(before, facts), ...namesSet(after, facts), ...Object.keys(before.run?.pending ?? {})]);
  for (const name of names) {
    if (findSetting(name).holds === 'now') continue;
    const old = before.run?.pending?.[name];
    const inForce = old === undefined ? (readSetting(before, name, facts) ?? null) : old;
    if (inForce !== (readSetting(after, name, facts) ?? null)) pending[name] = inForce;
  }
  return withoutStaleOnce(before, { ...after, run: { ...after.run, pending } }, facts);
}

/** What was for this run only is over once the same is changed for good, by whatever way. Pure. */
export function withoutStaleOnce(before: ContainerRecord, after: ContainerRecord, facts: SettingFacts): ContainerRecord {
  if (after.run?.once === undefined) return after;
  const once = Object.entries(after.run.once).filter(([name]) => readSetting(before, name, facts) === readSetting(after, name, facts));
  return { ...after, run: { ...after.run, once: Object.fromEntries(once) } };
}

function planOnce(
  record: ContainerRecord,
  { set = {}, unset = [], profiles, replace }: SettingsChange,
  facts: SettingFacts,
): ContainerRecord {
  if (profiles !== undefined || replace === true)
    throw new OrlopError(
      'invalid-argument',
      'SETTING_ONCE',
      'profiles and whole sets of settings are kept: they cannot be for one run only',
    );
  if (record.run === null || !isActive(record.state.status))
    throw new OrlopError(
      'conflict',
      'SETTING_ONCE',
      `container ${record.name} does not run: there is nothing to change for this run only`,
      {
        hint: 'leave --once out',
      },
    );
  const once: Record<string, string | null> = { ...record.run.once };
  for (const [name, text] of [...Object.entries(set), ...unset.map((one) => [one, null] as const)]) {
    const { holds } = findSetting(name);
    if (holds === 'start')
      throw new OrlopError('invalid-argument', 'SETTING_ONCE', `${name} holds from the next start on: it cannot be set for this run only`, {
        hint: 'leave --once out',
      });
    once[name] = text === null ? null : canonicalSetting(name, text);
  }
  const next = { ...record, run: { ...record.run, once } };
  // What cannot be is refused as for good.
  inForceOf(next, facts);
  return next;
}

/** The record as the running container is held to it now: with what is for this run only. Pure. */
export function inForceOf(record: ContainerRecord, facts: SettingFacts): ContainerRecord {
  const once = Object.entries(record.run?.once ?? {});
  const gone = inOrder(once.flatMap(([name, text]) => (text === null ? [name] : [])));
  const set = inOrder(
    once.flatMap(([name, text]) => (text === null ? [] : [name])),
    'last',
  );
  return [...gone, ...set].reduce((so, name) => writeSetting(so, name, record.run?.once?.[name] ?? null, facts), record);
}

/** What is set, where it comes from, and what the running container is held to where that differs. Pure. */
export function viewSettings(record: ContainerRecord, facts: SettingFacts): SettingsView {
  const { run, request } = record;
  const own = ownSettings(record, facts);
  const differs: Readonly<Record<string, string | null>> = { ...run?.pending, ...run?.once };
  const names = [...new Set([...namesSet(record, facts), ...Object.keys(differs)])].toSorted();
  const settings = names.map((name): ShownSetting => {
    const value = readSetting(record, name, facts) ?? null;
    const inForce = differs[name];
    const profile = name in own ? null : (record.inherited?.[name]?.profile ?? null);
    return { name, value, profile, ...(inForce === undefined || inForce === value ? {} : { inForce }) };
  });
  const named = Object.entries(request.namedDevices ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const devices = named.map(([name, config]) => ({ name, config, profile: record.inheritedDevices?.[name] ?? null }));
  const { id, name, kind, state } = record;
  return { id, name, kind, status: state.status, profiles: request.profiles ?? [], settings, devices };
}
