/** Words further away than this are no misspellings of each other. */
const farthest = 2;

/** The known word that `word` is most likely a misspelling of; undefined when none is near. Case is kept as in `known`. */
export function findNearest(word: string, known: Iterable<string>, options: { ignoreCase?: boolean } = {}): string | undefined {
  const fold = (text: string): string => (options.ignoreCase === true ? text.toLowerCase() : text);
  const wanted = fold(word);
  let nearest: string | undefined;
  let least = farthest + 1;
  for (const candidate of known) {
    const folded = fold(candidate);
    // The word itself is known: then whatever is wrong is not its spelling.
    if (folded === wanted) return undefined;
    if (Math.abs(folded.length - wanted.length) >= least) continue;
    const distance = countEdits(wanted, folded);
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

/** ` (did you mean X?)`, or nothing. */
export function suggestion(word: string, known: Iterable<string>, options: { ignoreCase?: boolean } = {}): string {
  const nearest = findNearest(word, known, options);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}

/** Levenshtein's distance. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_none, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replace = (row[j - 1] ?? 0) + (from.charAt(i - 1) === to.charAt(j - 1) ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
