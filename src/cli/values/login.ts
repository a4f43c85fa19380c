import type { DockerExecCreate } from '#wire';
import { quoteSingle } from '../completion/names.ts';

/** What of a container a login needs to know. */
export interface LoginFacts {
  /** As it was asked for; '' is root. */
  readonly user: string;
  /** The container's passwd(5). */
  readonly passwd: string;
  /** su(1) is there and may change to anybody. */
  readonly hasSu: boolean;
  readonly command: readonly string[];
}

export type LoginPlan = Pick<DockerExecCreate, 'Cmd' | 'Env' | 'User' | 'WorkingDir'>;

/**
 * How to log in. With su(1), by it: that opens a session (PAM: limits, environment, systemd's user manager), knows users that are in no file, and sets everything as login(1) does. Without it,
 * the user's shell as a login shell, with what login(1) sets. Pure.
 */
export function planLogin({ user, passwd, hasSu, command }: LoginFacts): LoginPlan {
  const name = user === '' ? 'root' : user;
  const line = lineOf(command);
  if (hasSu) return { Cmd: ['su', '-l', name, ...(line === null ? [] : ['-c', line])], User: 'root', WorkingDir: '/', Env: [] };
  const entry = passwd
    .split('\n')
    .map((text) => text.split(':'))
    .find(([login, , uid]) => login === name || uid === name);
  const [login = name, , , , , home = ''] = entry ?? [];
  const shell = entry?.[6]?.trim() || '/bin/sh';
  const place = home === '' ? '/' : home;
  return {
    Cmd: [shell, '-l', ...(line === null ? [] : ['-c', line])],
    User: name,
    WorkingDir: place,
    Env: [`HOME=${place}`, `USER=${login}`, `LOGNAME=${login}`, `SHELL=${shell}`],
  };
}

/** One word is a line for the shell, as it is; several are a program and its arguments. */
function lineOf(command: readonly string[]): string | null {
  if (command.length === 0) return null;
  return command.length === 1 ? (command[0] ?? '') : command.map(quoteSingle).join(' ');
}
