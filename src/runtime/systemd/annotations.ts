import { OrlopError } from '#errors';
import { rejectField } from '../plan/refuse.ts';
import type { UnitProperty } from './property.ts';
import { parseVariantText } from './variant-text.ts';

const prefix = 'org.systemd.property.';

/**
 * Annotations `org.systemd.property.TimeoutStopUSec: "uint64 5000000"` as properties of the unit, as runc has them. `…Sec` may be given in seconds where
 * D-Bus has only `…USec`.
 */
export function planAnnotatedProperties(annotations: Readonly<Record<string, string>>): UnitProperty[] {
  return Object.entries(annotations).flatMap(([key, text]): UnitProperty[] => {
    if (!key.startsWith(prefix)) return [];
    const name = key.slice(prefix.length);
    if (name.length < 3) throw incorrect(`${key} name incorrect: too short`);
    if (!/^[A-Za-z]+$/.test(name)) throw incorrect(`${key} name incorrect: contains non-alphabetic character`);
    const value = parseVariantText(text);
    if (value === null) throw incorrect(`${key}=${text} value parse error: ${JSON.stringify(text)} is no D-Bus value`);
    return [/[a-z]Sec$/.test(name) ? inMicroseconds(name, value, `annotations["${key}"]`) : { name, value }];
  });
}

function inMicroseconds(name: string, { signature, value }: UnitProperty['value'], at: string): UnitProperty {
  if (!'ynqiuxtd'.includes(signature)) throw rejectField(at, 'is a time and must be a number of seconds');
  const microseconds = Number(value) * 1e6;
  if (!(microseconds >= 0 && microseconds < 2 ** 64)) throw rejectField(at, 'is no length of time');
  return { name: name.replace(/Sec$/, 'USec'), value: { signature: 't', value: BigInt(Math.round(microseconds)) } };
}

/** In runc's words. */
function incorrect(why: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_SPEC_INVALID', `annotation ${why}`, {
    hint: "write a value as true, uint64 5, 'text' or ['a', 'b']",
  });
}
