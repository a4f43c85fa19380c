/** What a registry wants to see (RFC 9110 section 11.6.1). */
export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const maxHeaderLength = 8192;

/** Reads `WWW-Authenticate`: the bearer challenge when there is one, else the basic one, else null. */
export function parseChallenge(header: string | undefined): Challenge | null {
  if (header === undefined || header.length > maxHeaderLength) return null;
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  // A challenge is a scheme and then parameters; a parameter has an equals sign, a scheme has none.
  const pattern = new RegExp(`(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))|(${token})`, 'g');
  for (const [, name, quoted, bare, scheme] of header.matchAll(pattern)) {
    if (scheme !== undefined) found.push({ scheme: scheme.toLowerCase(), parameters: Object.create(null) as Record<string, string> });
    else if (name !== undefined) {
      const current = found.at(-1);
      if (current !== undefined) current.parameters[name.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '';
    }
  }
  const best = found.find(({ scheme }) => scheme === 'bearer') ?? found.find(({ scheme }) => scheme === 'basic');
  return best === undefined ? null : { scheme: best.scheme as Challenge['scheme'], parameters: best.parameters };
}
