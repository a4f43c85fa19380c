import { OrlopError } from '#errors';
import type { ServiceConfig } from './service.ts';

/** What `x-orlop` asks for: a system container in place of an app container. */
export interface MachineConfig {
  /** From which its image is made when the service names none: `debian/trixie/systemd`. */
  readonly template: string | null;
  /** As `orlop set` knows them. */
  readonly settings: Readonly<Record<string, string>>;
}

const cloudInitKeys = ['user-data', 'meta-data', 'network-config'];

/** Reads a service's `x-orlop`; null: it is an app container. invalid-argument names what is not known. Pure. */
export function machineOf(name: string, { extensions }: Pick<ServiceConfig, 'extensions'>): MachineConfig | null {
  const wish = extensions?.['x-orlop'];
  if (wish === undefined || wish === null) return null;
  const place = `services.${name}.x-orlop`;
  const { kind = 'app', template = null, 'cloud-init': cloudInit = {}, settings = {}, ...others } = mapping(place, wish);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(`${place}.${unknown} is not known`, 'there are kind, template, cloud-init and settings');
  if (kind !== 'app' && kind !== 'system') throw invalid(`${place}.kind must be app or system`);
  if (template !== null && typeof template !== 'string') throw invalid(`${place}.template must be a name: debian/trixie/systemd`);
  if (kind === 'app') {
    if (template === null && isEmpty(cloudInit) && isEmpty(settings)) return null;
    throw invalid(`${place}: only machines have templates, cloud-init and settings here`, 'add kind: system');
  }
  return { template, settings: { ...textsOf(`${place}.settings`, settings), ...cloudInitOf(`${place}.cloud-init`, cloudInit) } };
}

function cloudInitOf(place: string, value: unknown): Record<string, string> {
  const entries = Object.entries(mapping(place, value)).map(([key, data]): [string, string] => {
    if (!cloudInitKeys.includes(key)) throw invalid(`${place}.${key} is not known`, `there are ${cloudInitKeys.join(', ')}`);
    return [`cloud-init.${key}`, typeof data === 'string' ? data : formatData(key, mapping(`${place}.${key}`, data))];
  });
  return Object.fromEntries(entries);
}

/** What is written as a mapping is as good as its text: JSON is YAML, and user-data says in its first line what it is. */
function formatData(key: string, data: Readonly<Record<string, unknown>>): string {
  return `${key === 'user-data' ? '#cloud-config\n' : ''}${JSON.stringify(data)}\n`;
}

function textsOf(place: string, value: unknown): Record<string, string> {
  const entries = Object.entries(mapping(place, value)).map(([key, one]): [string, string] => {
    if (typeof one === 'string') return [key, one];
    if (typeof one === 'number' || typeof one === 'boolean') return [key, String(one)];
    throw invalid(`${place}.${key} must be a text, a number or a truth`);
  });
  return Object.fromEntries(entries);
}

function mapping(place: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${place} must be a mapping`);
  return value as Record<string, unknown>;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function invalid(message: string, hint?: string): OrlopError {
  return new OrlopError('invalid-argument', 'COMPOSE_INVALID', message, hint === undefined ? {} : { hint });
}
