import { OrlopError } from '#errors';

/** One pattern of an ignore file, ready to match. */
export interface PathPattern {
  /** It brings back what patterns before it took. */
  readonly isException: boolean;
  /** Without `!`, clean. */
  readonly text: string;
  matches(path: string): boolean;
  /** Something below this directory can match. */
  mayMatchBelow(directory: string): boolean;
}

/** Longest pattern, in characters: no path that one matches is longer than PATH_MAX. */
const longestPattern = 4096;

/**
 * Compiles one clean pattern, with what moby/patternmatcher makes of it: `*` and `?` stop at slashes, `**` does not, `**` before a slash may be
 * nothing, `[…]` and `[^…]` are as in Go's filepath.Match, `\` takes a character for itself. Fails with invalid-argument
 * `BUILD_BAD_IGNORE_FILE`.
 */
export function compilePattern(text: string, isException: boolean): PathPattern {
  if (text.length > longestPattern) throw badPattern(text, `it is longer than ${longestPattern} characters`);
  const places = parsePlaces(text);
  return {
    isException,
    text,
    matches: createTest(text, places),
    mayMatchBelow: (directory) => text.startsWith('**') || follow(places, `${directory}/`).length > 0,
  };
}

/**
 * Most patterns need no automaton. These are also where a pattern means more than its places say: `**name` matches whatever ends with `name`,
 * not only whole names, because patternmatcher compares suffixes.
 */
function createTest(text: string, places: readonly Place[]): (path: string) => boolean {
  const special = places.filter(({ kind }) => kind !== 'character');
  const first = places[0]?.kind;
  const isPlain = !text.includes('\\');
  if (isPlain && special.length === 0) return (path) => path === text;
  if (isPlain && special.length === 1 && (first === 'folders' || first === 'rest')) {
    const suffix = text.slice(2);
    return (path) => path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
  }
  if (isPlain && special.length === 1 && places.at(-1)?.kind === 'rest') {
    const prefix = text.slice(0, -2);
    return (path) => path.startsWith(prefix);
  }
  return (path) => follow(places, path).includes(2 * places.length);
}

type Place =
  | { readonly kind: 'character'; readonly character: string }
  /** `?` */
  | { readonly kind: 'any' }
  /** `*` */
  | { readonly kind: 'name' }
  /** `**` before something: nothing, or anything up to a slash. */
  | { readonly kind: 'folders' }
  /** `**` at the end: anything. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [from: string, to: string])[] };

function parsePlaces(text: string): Place[] {
  const characters = [...text];
  const places: Place[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character === '*' && characters[at + 1] === '*') {
      at += characters[at + 2] === '/' ? 2 : 1;
      places.push({ kind: at + 1 >= characters.length ? 'rest' : 'folders' });
    } else if (character === '*') places.push({ kind: 'name' });
    else if (character === '?') places.push({ kind: 'any' });
    else if (character === '\\') {
      const escaped = characters[++at];
      if (escaped === undefined) throw badPattern(text, 'nothing follows its backslash');
      places.push({ kind: 'character', character: escaped });
    } else if (character === '[') {
      const { place, end } = parseClass(text, characters, at);
      places.push(place);
      at = end;
    } else places.push({ kind: 'character', character });
  }
  return places;
}

/** `[…]`, whose closing bracket is at `end`. It cannot be empty, and `-` and `]` need a backslash (Go's filepath.Match). */
function parseClass(text: string, characters: readonly string[], start: number): { place: Place; end: number } {
  let at = start + 1;
  const negated = characters[at] === '^';
  if (negated) at++;
  const read = (): string => {
    let character = characters[at++];
    if (character === undefined || character === '-' || character === ']') throw badPattern(text, 'its […] is malformed');
    if (character === '\\') character = characters[at++];
    if (character === undefined) throw badPattern(text, 'its […] is malformed');
    return character;
  };
  const ranges: (readonly [string, string])[] = [];
  while (ranges.length === 0 || characters[at] !== ']') {
    const from = read();
    if (characters[at] !== '-') ranges.push([from, from]);
    else {
      at++;
      const to = read();
      // Go's filepath.Match takes it, its regular expressions, which do the matching, do not.
      if (to < from) throw badPattern(text, `its range ${from}-${to} runs backwards`);
      ranges.push([from, to]);
    }
  }
  return { place: { kind: 'class', negated, ranges }, end: at };
}

/**
 * The states that the path leads to: twice the place's index, plus one inside the folders that `**` eats. All places are followed at once,
 * so that the time is at most the product of the lengths.
 */
function follow(places: readonly Place[], path: string): number[] {
  let states = close(places, [0]);
  for (const character of path) {
    if (states.length === 0) return states;
    states = close(places, step(places, states, character));
  }
  return states;
}

function step(places: readonly Place[], states: readonly number[], character: string): number[] {
  const next: number[] = [];
  for (const state of states) {
    const index = state >> 1;
    const place = places[index];
    if (place === undefined) continue;
    switch (place.kind) {
      case 'character':
        if (place.character === character) next.push(2 * index + 2);
        break;
      case 'any':
        if (character !== '/') next.push(2 * index + 2);
        break;
      case 'name':
        if (character !== '/') next.push(2 * index);
        break;
      case 'rest':
        next.push(2 * index);
        break;
      case 'folders':
        next.push(2 * index + 1);
        if (character === '/') next.push(2 * index + 2);
        break;
      case 'class':
        if (place.ranges.some(([from, to]) => from <= character && character <= to) !== place.negated) next.push(2 * index + 2);
        break;
    }
  }
  return next;
}

/** Adds the states after places that may match nothing; each state once. */
function close(places: readonly Place[], states: readonly number[]): number[] {
  const all = new Set<number>();
  for (const start of states) {
    let state = start;
    while (!all.has(state)) {
      all.add(state);
      const kind = state % 2 === 0 ? places[state >> 1]?.kind : undefined;
      if (kind === 'name' || kind === 'rest' || kind === 'folders') state += 2;
    }
  }
  return [...all];
}

export function badPattern(pattern: string, reason: string): OrlopError {
  const shown = pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern;
  return new OrlopError('invalid-argument', 'BUILD_BAD_IGNORE_FILE', `syntax error in pattern ${JSON.stringify(shown)}: ${reason}`);
}
