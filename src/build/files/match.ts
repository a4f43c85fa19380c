import { OrlopError } from '#errors';

/** One part of a path pattern, taken apart: a sign, any sign, any number of signs, or one of a class. */
type Piece = { readonly kind: 'sign'; readonly sign: string } | { readonly kind: 'any' } | { readonly kind: 'star' } | Class;

interface Class {
  readonly kind: 'class';
  readonly negated: boolean;
  readonly ranges: readonly (readonly [low: string, high: string])[];
}

/** Whether a text means more than itself as a pattern. */
export function isPattern(text: string): boolean {
  return /[*?[\\]/.test(text);
}

/**
 * Matches names, which hold no slash, as Go's filepath.Match does: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before what is to be taken as it is. Takes time in proportion to
 * pattern times name, whatever they are. Invalid-argument `BUILD_BAD_PATTERN`.
 */
export function createNameMatcher(pattern: string): (name: string) => boolean {
  const pieces = parsePattern(pattern);
  return (name) => {
    let [at, piece] = [0, 0];
    // Where to go on when what follows the last star does not fit: the star takes one more sign.
    let [starPiece, starAt] = [-1, 0];
    while (at < name.length) {
      const one = pieces[piece];
      if (one?.kind === 'star') [starPiece, starAt, piece] = [piece, at, piece + 1];
      else if (one !== undefined && fits(one, name.charAt(at))) [at, piece] = [at + 1, piece + 1];
      else if (starPiece < 0) return false;
      else [at, piece, starAt] = [starAt + 1, starPiece + 1, starAt + 1];
    }
    while (pieces[piece]?.kind === 'star') piece++;
    return piece === pieces.length;
  };
}

function fits(piece: Piece, sign: string): boolean {
  if (piece.kind === 'sign') return piece.sign === sign;
  if (piece.kind !== 'class') return true;
  return piece.ranges.some(([low, high]) => sign >= low && sign <= high) !== piece.negated;
}

function parsePattern(pattern: string): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < pattern.length; ) {
    const sign = pattern.charAt(at);
    if (sign === '[') {
      const { piece, end } = parseClass(pattern, at + 1);
      pieces.push(piece);
      at = end;
      continue;
    }
    if (sign === '\\' && at + 1 === pattern.length) throw badPattern(pattern);
    if (sign === '*') pieces.push({ kind: 'star' });
    else if (sign === '?') pieces.push({ kind: 'any' });
    else pieces.push({ kind: 'sign', sign: sign === '\\' ? pattern.charAt((at += 1)) : sign });
    at++;
  }
  return pieces;
}

function parseClass(pattern: string, start: number): { piece: Class; end: number } {
  let at = start;
  const negated = pattern.charAt(at) === '^';
  if (negated) at++;
  const ranges: [string, string][] = [];
  const take = (): string => {
    if (pattern.charAt(at) === '\\') at++;
    const sign = pattern.charAt(at++);
    if (sign === '') throw badPattern(pattern);
    return sign;
  };
  while (pattern.charAt(at) !== ']' || ranges.length === 0) {
    if (pattern.charAt(at) === '-' || pattern.charAt(at) === ']') throw badPattern(pattern);
    const low = take();
    if (pattern.charAt(at) !== '-') ranges.push([low, low]);
    else {
      at++;
      ranges.push([low, take()]);
    }
  }
  return { piece: { kind: 'class', negated, ranges }, end: at + 1 };
}

function badPattern(pattern: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILD_BAD_PATTERN', `syntax error in pattern ${JSON.stringify(pattern)}`);
}
