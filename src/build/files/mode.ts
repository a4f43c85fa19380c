import { OrlopError } from '#errors';

/** The mode (07777) that something gets which had another. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const classBits: Readonly<Record<'u' | 'g' | 'o', number>> = { u: 0o4700, g: 0o2070, o: 0o1007 };
const shifts = { u: 6, g: 3, o: 0 } as const;
const permissionBits: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };

/** `--chmod`: octal, or chmod(1)'s symbolic form such as `u=rwX,go=rX` (without umask). Invalid-argument `BUILD_BAD_MODE`. */
export function parseMode(text: string): ModeChange {
  if (/^0*[0-7]{1,4}$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    return () => mode;
  }
  const clauses = text.split(',').map((clause) => parseClause(clause, text));
  return (mode, isDirectory) => clauses.reduce((before: number, apply) => apply(before, isDirectory), mode);
}

/** The mode that a directory gets which is made on the way. */
export function modeOfNew(mode: ModeChange): number {
  return mode(0o755, true) & 0o7777;
}

function parseClause(clause: string, whole: string): ModeChange {
  const [, who = '', actions = ''] = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause) ?? [];
  if (actions === '') {
    throw new OrlopError(
      'invalid-argument',
      'BUILD_BAD_MODE',
      `invalid chmod parameter: '${whole}'. it should be octal string and between 0 and 07777`,
      {
        hint: 'or write it as chmod takes it: u=rwX,go=rX',
      },
    );
  }
  const classes: readonly ('u' | 'g' | 'o')[] = who === '' || who.includes('a') ? ['u', 'g', 'o'] : ([...who] as ('u' | 'g' | 'o')[]);
  const reach = classes.reduce((bits: number, name) => bits | classBits[name], 0);
  const steps: readonly RegExpExecArray[] = [...actions.matchAll(/([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)/g)];
  return (mode, isDirectory) =>
    steps.reduce((before: number, [, operator, letters = '']) => {
      const bits = bitsOf(letters, before, isDirectory) & reach;
      if (operator === '+') return before | bits;
      if (operator === '-') return before & ~bits;
      // A directory keeps its set-id bits unless they are named, as GNU chmod has it.
      const kept = isDirectory && !letters.includes('s') ? before & 0o6000 : 0;
      return (before & ~reach) | bits | kept;
    }, mode);
}

function bitsOf(letters: string, mode: number, isDirectory: boolean): number {
  if (/^[ugo]$/.test(letters)) {
    return ((mode >> shifts[letters as 'u' | 'g' | 'o']) & 7) * 0o111;
  }
  const executes = isDirectory || (mode & 0o111) !== 0;
  return [...letters].reduce((bits: number, letter) => bits | (letter === 'X' ? (executes ? 0o111 : 0) : (permissionBits[letter] ?? 0)), 0);
}
