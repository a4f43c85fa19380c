import { OrlopError } from '#errors';
import { parseMountOptions, type MountOptions } from '#sys';

type Options = Readonly<Record<string, string>>;

/** What a volume of the driver `local` is asked to be. */
export interface LocalOptions {
  /** null: a directory of its own. */
  readonly mount: LocalMount | null;
  readonly sizeBytes?: number;
}

export interface LocalMount {
  readonly fstype: string;
  readonly device: string;
  readonly options: MountOptions;
}

const known = ['type', 'o', 'device', 'size'];
/** Docker's: one needs the others. */
const companions: Readonly<Record<string, readonly string[]>> = { device: ['type'], type: ['device'], o: ['device', 'type'] };

/** `type`, `o`, `device` as for mount(8), and `size`. Invalid-argument `VOLUME_BAD_OPTIONS` in Docker's words. */
export function parseLocalOptions(options: Options): LocalOptions {
  for (const [name, others] of Object.entries(companions)) {
    const missing = Object.hasOwn(options, name) ? others.find((other) => !Object.hasOwn(options, other)) : undefined;
    if (missing !== undefined) throw invalid(`missing required option: ${JSON.stringify(missing)}`);
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`invalid option: ${JSON.stringify(unknown)}`, `options are ${known.join(', ')}`);
  const { type = '', device = '', o = '', size } = options;
  const sizeBytes = size === undefined ? 0 : parseSize(size);
  return { mount: mountOf(type, device, o), ...(sizeBytes === 0 ? {} : { sizeBytes }) };
}

function mountOf(fstype: string, device: string, o: string): LocalMount | null {
  if (device === '' && fstype === '') return null;
  if (device === '') throw invalid('missing device in volume options');
  if (fstype === 'cifs' && /^[a-z]*:?\/\/[^/]*:\d+/.test(device))
    throw invalid("port not allowed in CIFS device URL, include 'port' in 'o='");
  return { fstype, device, options: parseMountOptions(o.split(',')) };
}

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/** `1.5g`, `512m`, `1GiB`: powers of 1024, as Docker reads sizes of memory. */
function parseSize(text: string): number {
  const parts = /^(\d+(?:\.\d+)?) ?([kmgtp])?(?:i?b)?$/i.exec(text);
  if (parts === null) throw invalid(`invalid size: ${JSON.stringify(text)}`, 'write a number and a unit, such as 10G');
  return Math.floor(Number(parts[1]) * (units[(parts[2] ?? '').toLowerCase()] ?? 1));
}

/** Takes what is secret out of a text that may repeat options. */
export function redactOptions(text: string): string {
  return text.replaceAll(/\b(pass(?:word|wd)?\d?|secret|credentials)=[^,\s)]*/gi, '$1=********');
}

function invalid(message: string, hint?: string): OrlopError {
  return new OrlopError('invalid-argument', 'VOLUME_BAD_OPTIONS', message, hint === undefined ? {} : { hint });
}
