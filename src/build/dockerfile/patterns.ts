import { mistake } from './errors.ts';

/** One place of a shell pattern: a character, `?` or `*`. */
type Place = { readonly kind: 'character'; readonly character: string } | { readonly kind: 'any' } | { readonly kind: 'stretch' };

/** What trimming or replacing once may cost, in comparisons: less than a second. */
const mostComparisons = 10_000_000;

/** `${name#pattern}` (shortest) and `${name##pattern}` (longest): the value without the prefix that matches. */
export function removePrefix(value: string, pattern: string, longest: boolean): string {
  const characters = [...value];
  const end = createMatcher(parsePattern(pattern)).findEnd(characters, 0, longest);
  return end === undefined ? value : characters.slice(end).join('');
}

/** `${name%pattern}` and `${name%%pattern}`. */
export function removeSuffix(value: string, pattern: string, longest: boolean): string {
  const characters = [...value].reverse();
  const end = createMatcher(parsePattern(pattern).reverse()).findEnd(characters, 0, longest);
  return end === undefined ? value : characters.slice(end).reverse().join('');
}

/**
 * `${name/pattern/replacement}` and `${name//pattern/replacement}`: the leftmost match, the longest there. In a replacement of all, `$1`,
 * `$name` and `${name}` stand for groups, of which no pattern has any: they vanish, and `$$` is `$` (Go's Regexp.Expand, through which
 * BuildKit passes it).
 */
export function replaceMatches(value: string, pattern: string, replacement: string, all: boolean): string {
  const characters = [...value];
  const matcher = createMatcher(parsePattern(pattern));
  const inserted = all ? dropGroups(replacement) : replacement;
  let result = '';
  let copied = 0;
  for (let at = 0; at <= characters.length; ) {
    const end = matcher.findEnd(characters, at, true);
    if (end === undefined) {
      at++;
      continue;
    }
    result += characters.slice(copied, at).join('');
    // An empty match directly after another does not count (Go's Regexp.ReplaceAllString).
    if (end > copied || at === 0) result += inserted;
    copied = end;
    if (!all) break;
    at = Math.max(end, at + 1);
  }
  return result + characters.slice(copied).join('');
}

function dropGroups(replacement: string): string {
  return replacement.replaceAll(/\$(\$|\w+|\{\w+\})/g, (_whole, name: string) => (name === '$' ? '$' : ''));
}

/** A backslash makes `*`, `?` and itself ordinary, and is dropped before `}` and `/`, which need it inside `${}`. Fails on any other use of it. */
function parsePattern(pattern: string): Place[] {
  const places: Place[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character === '*') places.push({ kind: 'stretch' });
    else if (character === '?') places.push({ kind: 'any' });
    else if (character !== '\\') places.push({ kind: 'character', character });
    else places.push({ kind: 'character', character: escaped(pattern, characters[++at]) });
  }
  return places;
}

function escaped(pattern: string, character: string | undefined): string {
  if (character !== undefined && '*?\\}/'.includes(character)) return character;
  throw mistake(`invalid pattern (${pattern}) in substitution: invalid escape '\\${character ?? ''}'`);
}

interface Matcher {
  /** Where the shortest or longest match that begins at `start` ends; undefined without a match. */
  findEnd(text: readonly string[], start: number, longest: boolean): number | undefined;
}

/**
 * Follows all places of the pattern at once, so that the time is at most the product of the lengths. `?` and `*` do not match a newline:
 * BuildKit's are a regular expression's `.`.
 */
function createMatcher(places: readonly Place[]): Matcher {
  let comparisons = 0;
  const spend = (count: number): void => {
    comparisons += count;
    if (comparisons > mostComparisons) throw mistake('a pattern in a substitution takes too long to match');
  };
  return {
    findEnd(text, start, longest) {
      let reached = closeOver(places, [0]);
      let end: number | undefined;
      for (let at = start; ; at++) {
        if (reached.includes(places.length)) {
          end = at;
          if (!longest) return end;
        }
        const character = text[at];
        if (character === undefined || reached.length === 0) return end;
        spend(reached.length);
        reached = closeOver(places, advance(places, reached, character));
      }
    },
  };
}

/** The places that can follow once `character` was read at one of `reached`. */
function advance(places: readonly Place[], reached: readonly number[], character: string): number[] {
  const next: number[] = [];
  for (const index of reached) {
    const place = places[index];
    if (place === undefined) continue;
    if (place.kind === 'stretch') {
      if (character !== '\n') next.push(index);
    } else if (place.kind === 'any' ? character !== '\n' : place.character === character) {
      next.push(index + 1);
    }
  }
  return next;
}

/** Adds what a stretch of no characters leads to; ascending, each once. */
function closeOver(places: readonly Place[], reached: readonly number[]): number[] {
  const all: number[] = [];
  let last = -1;
  for (const index of reached) {
    let at = index;
    while (at > last) {
      all.push(at);
      last = at;
      if (places[at]?.kind === 'stretch') at++;
    }
  }
  return all;
}
