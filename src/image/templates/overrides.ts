import { OrlopError } from '#errors';
import { mirrorAddress } from './parse-recipe.ts';
import type { TemplateChoice } from './recipes.ts';
import type { TemplateOverrides } from './types.ts';

/** The year 2100: later files would make programs of the root wonder. */
const latestEpoch = 4_102_444_800;

/** The choice with another mirror. Invalid-argument `IMAGE_BAD_OVERRIDE` for what makes no sense, or has none for this template. */
export function planOverrides(choice: TemplateChoice, overrides: TemplateOverrides): TemplateChoice {
  const { mirror, staleMirror, sourceDateEpoch: epoch } = overrides;
  if (epoch !== undefined && (!Number.isSafeInteger(epoch) || epoch < 0 || epoch > latestEpoch))
    throw badOverride(`SOURCE_DATE_EPOCH ${epoch} is no number of seconds since 1970`);
  if (mirror === undefined && staleMirror === undefined) return choice;
  const { source } = choice.template;
  if (source.type !== 'debian') throw badOverride(`template "${choice.template.name}" is made without a mirror`);
  if (mirror !== undefined) checkMirror(mirror);
  const changed = { ...source, ...(mirror === undefined ? {} : { mirror }), ...(staleMirror === undefined ? {} : { staleMirror }) };
  return { ...choice, template: { ...choice.template, source: changed } };
}

function checkMirror(mirror: string): void {
  try {
    mirrorAddress(mirror, 'mirror');
  } catch (cause) {
    throw badOverride(`"${mirror.slice(0, 200)}" is no address of a mirror`, cause);
  }
}

function badOverride(message: string, cause?: unknown): OrlopError {
  return new OrlopError('invalid-argument', 'IMAGE_BAD_OVERRIDE', message, {
    hint: 'give an address such as http://deb.debian.org/debian, and seconds since 1970',
    ...(cause === undefined ? {} : { cause }),
  });
}
