/**
 * Words as a shell splits them: quotes, and backslashes before what they protect. Throws an Error for a quote that does not end. Pure.
 * Source: POSIX shell, quoting; Compose reads commands so.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at);
    const next = text.charAt(at + 1);
    if (quote === "'") {
      if (letter === "'") quote = '';
      else word += letter;
    } else if (letter === '\\' && (quote === '' || '"\\$`'.includes(next))) {
      if (next === '') throw new Error('a backslash stands at the end of the command');
      word = (word ?? '') + next;
      at += 1;
    } else if (quote === '"') {
      if (letter === '"') quote = '';
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= '';
    } else if (/[ \t\r\n]/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + letter;
  }
  if (quote !== '') throw new Error(`the command has a ${quote} that does not end`);
  return word === null ? words : [...words, word];
}
