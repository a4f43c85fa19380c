import { canonicalSetting } from '#wire';
import { usageError } from '../arguments/usage-error.ts';

/** `key=value` words; a key that is none, or a value that cannot be, fails before the engine is asked. */
export function parseSettings(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at <= 0) throw usageError(`invalid setting ${JSON.stringify(word)}: write key=value`);
      const [name, text] = [word.slice(0, at), word.slice(at + 1)];
      canonicalSetting(name, text);
      return [name, text];
    }),
  );
}
