import { OrlopError } from '#errors';

/** A type of the D-Bus specification, "Type System". Dict entries are structs of two: they are laid out alike. */
export type BusType =
  | { readonly code: 'y' | 'b' | 'n' | 'q' | 'i' | 'u' | 'x' | 't' | 'd' | 's' | 'o' | 'g' | 'v' | 'h' }
  | { readonly code: 'a'; readonly element: BusType }
  | { readonly code: '(' | '{'; readonly members: readonly BusType[] };

const alignments: Readonly<Record<BusType['code'], number>> = {
  y: 1,
  b: 4,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  x: 8,
  t: 8,
  d: 8,
  s: 4,
  o: 4,
  g: 1,
  v: 1,
  h: 4,
  a: 4,
  '(': 8,
  '{': 8,
};

export function alignmentOf(type: BusType): number {
  return alignments[type.code];
}

/** "Valid Signatures": at most 255 bytes, containers nested at most 32 deep (of each kind; we count them together). */
const longestSignature = 255;
export const deepestNesting = 32;

/** The complete types in a row that a signature names. Fails with unavailable `RUNTIME_BUS_MALFORMED`. */
export function parseSignature(text: string): BusType[] {
  if (text.length > longestSignature) throw malformed('a signature is too long');
  const types: BusType[] = [];
  for (let at = 0; at < text.length; ) {
    const [type, next] = parseType(text, at, 0);
    types.push(type);
    at = next;
  }
  return types;
}

function parseType(text: string, at: number, depth: number): [BusType, number] {
  const code = text[at] ?? '';
  if (depth > deepestNesting) throw malformed('a signature is nested too deep');
  if (code !== '' && 'ybnqiuxtdsogvh'.includes(code)) return [{ code } as BusType, at + 1];
  if (code === 'a') {
    const [element, next] = parseType(text, at + 1, depth + 1);
    return [{ code, element }, next];
  }
  if (code !== '(' && code !== '{') throw malformed(`the signature ${JSON.stringify(text)} makes no sense`);
  const close = code === '(' ? ')' : '}';
  const members: BusType[] = [];
  let next = at + 1;
  while (text[next] !== close) {
    const [member, after] = parseType(text, next, depth + 1);
    members.push(member);
    next = after;
  }
  if (members.length === 0 || (code === '{' && members.length !== 2))
    throw malformed(`the signature ${JSON.stringify(text)} makes no sense`);
  return [{ code, members }, next + 1];
}

/** The other side of the bus does not speak the protocol, or we do not. */
export function malformed(why: string): OrlopError {
  return new OrlopError('unavailable', 'RUNTIME_BUS_MALFORMED', `the D-Bus connection is out of step: ${why}`);
}
