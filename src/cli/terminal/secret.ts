import { OrlopError } from '#errors';
import { type Io, write } from '../io.ts';

/** Reads a line from the terminal that is not shown. Failed-precondition when the input is none, cancelled on Ctrl-C. */
export async function readSecret(io: Io, question: string): Promise<string> {
  const { stdin, stderr } = io;
  if (!stdin.isTTY) {
    throw new OrlopError('failed-precondition', 'CLI_NOT_A_TTY', 'the input is no terminal to ask for the password', {
      hint: 'give it with --password-stdin',
    });
  }
  await write(stderr, question);
  stdin.setRawMode(true);
  let typed = '';
  try {
    for await (const piece of stdin.iterator({ destroyOnReturn: false })) {
      for (const sign of (piece as Buffer).toString('utf8')) {
        if (sign === '\r' || sign === '\n' || sign === '\u0004') return typed;
        if (sign === '\u0003') throw new OrlopError('cancelled', 'CLI_CANCELLED', 'cancelled');
        typed = sign === '\u007f' || sign === '\b' ? typed.slice(0, -1) : typed + sign;
      }
    }
    return typed;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    await write(stderr, '\n');
  }
}
