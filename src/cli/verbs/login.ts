import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { OrlopError } from '#errors';
import type { Arguments } from '../arguments/parse.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { type Io, write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { readSecret } from '../terminal/secret.ts';
import { authOf, openCredentials, registryOf } from '../values/registry-auth.ts';

export const login: Verb = async ({ args, io, client }) => {
  const registry = registryOf(args.positionals[0]);
  const username = args.text('username') ?? (await ask(io, 'Username: '));
  const credential = { type: 'password', username, password: await passwordOf(args, io) } as const;
  if (username === '' || credential.password === '') {
    throw new OrlopError('invalid-argument', 'CLI_WRONG_WORDS', 'a login needs a user name and a password');
  }
  const token = await (await client()).images.checkLogin(authOf(registry, credential));
  const kept = await openCredentials(io.env).set(registry, token === null ? credential : { type: 'identity-token', token });
  const what = token === null ? 'the password' : 'a token';
  if (kept.startsWith('/')) await write(io.stderr, `WARNING: ${what} is kept unencrypted in ${kept}\n`);
  await (args.flag('json') ? printJson(io, { Registry: registry, Username: username }) : write(io.stdout, 'Login Succeeded\n'));
  return exitCodes.ok;
};

async function passwordOf(args: Arguments, io: Io): Promise<string> {
  const given = args.text('password');
  if (given !== undefined && args.flag('password-stdin')) {
    throw new OrlopError('invalid-argument', 'CLI_WRONG_WORDS', '--password and --password-stdin cannot be given together');
  }
  if (given !== undefined) {
    await write(io.stderr, 'WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
    return given;
  }
  if (!args.flag('password-stdin')) return readSecret(io, 'Password: ');
  if (args.text('username') === undefined) {
    throw new OrlopError('invalid-argument', 'CLI_WRONG_WORDS', '--password-stdin needs --username');
  }
  return (await text(io.stdin)).replace(/\r?\n$/, '');
}

async function ask(io: Io, question: string): Promise<string> {
  if (!io.stdin.isTTY) {
    throw new OrlopError('failed-precondition', 'CLI_NOT_A_TTY', 'the input is no terminal to ask for the user name', {
      hint: 'give --username and --password-stdin',
    });
  }
  const lines = createInterface({ input: io.stdin, output: io.stderr.stream });
  try {
    return (await lines.question(question)).trim();
  } finally {
    lines.close();
  }
}
