import { OrlopError } from '#errors';
import { allCapabilities } from '#runtime';

/**
 * Docker's --cap-add and --cap-drop: ALL, names with or without CAP_, in any case. What is added by name stays, whatever is dropped; from an
 * added ALL the dropped ones are taken away.
 */
export function capabilitiesOf(base: readonly string[], add: readonly string[], drop: readonly string[]): string[] {
  const added = add.map((text) => parseCapability(text, 'CapAdd'));
  const dropped = drop.map((text) => parseCapability(text, 'CapDrop'));
  const start = added.includes('ALL') ? allCapabilities : dropped.includes('ALL') ? [] : base;
  const wanted = new Set([...start.filter((name) => !dropped.includes(name)), ...added]);
  return allCapabilities.filter((name) => wanted.has(name));
}

function parseCapability(text: string, field: string): string {
  const upper = text.toUpperCase();
  if (upper === 'ALL') return upper;
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (allCapabilities.includes(name)) return name;
  throw new OrlopError('invalid-argument', 'ENGINE_CAPABILITY_UNKNOWN', `invalid ${field}: unknown capability: "${name}"`, {
    hint: 'see capabilities(7)',
  });
}
