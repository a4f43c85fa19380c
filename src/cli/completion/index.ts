import type { CommandSpec } from '../arguments/spec.ts';
import { formatBash } from './bash.ts';
import { formatFish } from './fish.ts';
import { formatZsh } from './zsh.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

/** A script that a shell sources to complete commands, flags, and the names of what exists in the engine. */
export function formatCompletion(shell: Shell, commands: readonly CommandSpec[]): string {
  return { bash: formatBash, zsh: formatZsh, fish: formatFish }[shell](commands);
}
