import { posix } from 'node:path';

/** White space as Go's unicode.IsSpace knows it: not quite JavaScript's. */
const spaces = new Set(
  '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);

/** Go's strings.TrimSpace. */
export function trim(text: string): string {
  let [first, end] = [0, text.length];
  while (first < end && spaces.has(text.charAt(first))) first++;
  while (end > first && spaces.has(text.charAt(end - 1))) end--;
  return text.slice(first, end);
}

/** Go's path.Clean: `.` for an empty path; `..` does not lead above `/`. */
export function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, '');
}
