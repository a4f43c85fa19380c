const secretWords = new Set(['apikey', 'auth', 'credential', 'credentials', 'key', 'password', 'pword', 'passwd', 'secret', 'token']);
const harmlessWords = new Set(['public', 'file', 'version']);

/** True for variables whose name has a word of secrets, `GITHUB_TOKEN`, and none that says it is not one, `PUBLIC_KEY`, `TOKEN_FILE`. */
export function soundsSecret(name: string): boolean {
  const words = name.toLowerCase().split('_');
  return words.some((word) => secretWords.has(word)) && !words.some((word) => harmlessWords.has(word));
}
