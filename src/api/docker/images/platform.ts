import type { Exchange } from '#api/http';
import { OrlopError } from '#errors';

/**
 * The parameter `platform` of what concerns images that are here: OCI's platform as JSON, in our words `linux/arm64/v8`. Pulls have it as text. Invalid-argument
 * `DOCKER_BAD_PLATFORM` for what is none; several are refused by name.
 */
export function platformOf({ query }: Exchange): { platform?: string } {
  const texts = query.all('platform').filter((text) => text !== '');
  const [text] = texts;
  if (text === undefined) return {};
  if (texts.length > 1) throw new OrlopError('unimplemented', 'DOCKER_SEVERAL_PLATFORMS', 'several platforms at once are not supported');
  const { os, architecture, variant = '' } = parseObject(text);
  if (typeof os !== 'string' || typeof architecture !== 'string' || typeof variant !== 'string' || os === '' || architecture === '')
    throw bad(text);
  return { platform: [os, architecture, ...(variant === '' ? [] : [variant])].join('/') };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below: what it is instead does not matter.
  }
  throw bad(text);
}

function bad(text: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_PLATFORM', `platform ${text.slice(0, 100)} is no platform in JSON`, {
    hint: 'send {"os":"linux","architecture":"arm64"}',
  });
}
