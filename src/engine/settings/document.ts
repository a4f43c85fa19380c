import { parseDocument, stringify } from 'yaml';
import { OrlopError } from '#errors';
import type { DeviceMap, ProfileChange, ProfileView, SettingsChange, SettingsView, ShownDevice } from '#wire';

const longestText = 1_048_576;

/** Settings as a person edits them: what is the container's own, and in comments what is not. Pure. */
export function formatSettings({ name, kind, status, profiles, settings, devices }: SettingsView): string {
  const own = settings.flatMap(({ name: key, value, profile }) => (value === null || profile !== null ? [] : [[key, value] as const]));
  const given = settings.flatMap(({ name: key, value, profile }) =>
    value === null || profile === null ? [] : [`${key}: ${quote(value)} (${profile})`],
  );
  const inForce = settings.flatMap(({ name: key, inForce: now }) =>
    now === undefined ? [] : [`${key}: ${now === null ? 'none' : quote(now)}`],
  );
  return [
    `# Settings of container ${name} (${kind}, ${status}). See them all with: orlop set --help\n`,
    stringify({ profiles, settings: Object.fromEntries(own), devices: ownOf(devices) }, { lineWidth: 0 }),
    comment('From profiles:', [...given, ...devices.flatMap(describeGiven)]),
    comment('In force while it runs, where that differs:', inForce),
  ].join('');
}

/** The inverse, comments aside. invalid-argument with the line for what is no such text. Pure. */
export function parseSettingsText(text: string): SettingsChange {
  const { profiles, settings, devices } = readFields(text, ['profiles', 'settings', 'devices']);
  return {
    replace: true,
    profiles: profiles === undefined ? [] : textsOf(profiles, 'profiles'),
    set: mapOf(settings, 'settings'),
    devices: devicesOf(devices),
  };
}

function ownOf(devices: readonly ShownDevice[]): DeviceMap {
  return Object.fromEntries(devices.flatMap(({ name, config, profile }) => (profile === null ? [[name, config] as const] : [])));
}

function describeGiven({ name, config, profile }: ShownDevice): string[] {
  if (profile === null) return [];
  const words = Object.entries(config).map(([key, value]) => `${key}=${quote(value)}`);
  return [`device ${name}: ${words.join(' ')} (${profile})`];
}

export function formatProfile({ name, description, settings, devices = {}, usedBy }: ProfileView): string {
  const fields = stringify({ description, settings, devices }, { lineWidth: 0 });
  return [`# Profile ${name}.\n`, fields, comment('Containers that have it:', usedBy)].join('');
}

export function parseProfileText(text: string): ProfileChange {
  const { description = '', settings, devices } = readFields(text, ['description', 'settings', 'devices']);
  if (typeof description !== 'string') throw invalid('description must be a text');
  return { replace: true, description, set: mapOf(settings, 'settings'), devices: devicesOf(devices) };
}

function comment(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `# ${title}\n${lines.map((line) => `#   ${line}\n`).join('')}`;
}

function quote(value: string): string {
  return JSON.stringify(value).length === value.length + 2 ? value : JSON.stringify(value);
}

/** All scalars are texts as they are written: `0.10` stays so. */
function readFields(text: string, known: readonly string[]): Record<string, unknown> {
  if (text.length > longestText) throw invalid('it is longer than 1 MiB');
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: true, uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(error.message);
  const fields = plainValue(document);
  if (fields === null || fields === '') return {};
  if (typeof fields !== 'object' || Array.isArray(fields)) throw invalid(`it must have the fields ${known.join(' and ')}`);
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalid(`there is no field ${JSON.stringify(unknown)}: there are ${known.join(' and ')}`);
  return fields as Record<string, unknown>;
}

/** Aliases would let a short text grow beyond all bounds. */
function plainValue(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}

function textsOf(value: unknown, name: string): string[] {
  if (value === '' || value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw invalid(`${name} must be a list of names`);
}

function mapOf(value: unknown, name: string): Record<string, string> {
  if (value === undefined || value === '' || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(`${name} must be a map of names and values`);
  const odd = Object.entries(value).find(([, item]) => typeof item !== 'string');
  if (odd !== undefined) throw invalid(`${name}.${odd[0]} must be one value`);
  return value as Record<string, string>;
}

function devicesOf(value: unknown): DeviceMap {
  if (value === undefined || value === '' || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid('devices must be a map of names and devices');
  return Object.fromEntries(Object.entries(value).map(([name, config]) => [name, mapOf(config, `devices.${name}`)]));
}

function invalid(why: string): OrlopError {
  return new OrlopError('invalid-argument', 'SETTING_DOCUMENT', `the text cannot be read: ${why}`, { hint: 'nothing was changed' });
}
