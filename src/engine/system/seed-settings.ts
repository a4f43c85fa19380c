import { OrlopError } from '#errors';
import { parseDocument } from 'yaml';

/** Refuses what cloud-init could not read, before any machine boots with it: invalid-argument `SETTING_INVALID` with the line. */
export function checkSeedSetting(name: string, text: string): void {
  if (name !== 'cloud-init.user-data') parseMapping(name, text);
  // Scripts, archives and templates (cloudinit.readthedocs.io, "User-data formats") are cloud-init's to read.
  else if (/^#cloud-config(?:\s|$)/.test(text)) parseMapping(name, text);
  else if (
    !/^(?:#!|#include|#cloud-(?:boothook|config-archive|config-jsonp)(?:\s|$)|#part-handler|## template:|Content-Type:|MIME-Version:|From )/i.test(
      text,
    )
  )
    throw invalid(name, 'it begins with none of the words that cloud-init knows', 'begin it with #cloud-config, or #!/bin/sh for a script');
}

/** A YAML mapping; an empty text is an empty one. */
export function parseMapping(name: string, text: string): Readonly<Record<string, unknown>> {
  const document = parseDocument(text, { uniqueKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw invalid(name, problem.message.split('\n')[0]?.replace(/:$/, '') ?? 'it is no YAML');
  const value = valueOf(name, document);
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(name, 'it is not a mapping of keys to values');
  return value as Readonly<Record<string, unknown>>;
}

/** An alias of aliases grows without bound: the parser gives up. */
function valueOf(name: string, document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw invalid(name, error instanceof Error ? error.message : String(error));
  }
}

function invalid(name: string, why: string, hint = 'see https://cloudinit.readthedocs.io for what it may be'): OrlopError {
  return new OrlopError('invalid-argument', 'SETTING_INVALID', `${name} cannot be used: ${why}`, { hint });
}
