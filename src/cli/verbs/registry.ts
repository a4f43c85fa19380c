import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OrlopError } from '#errors';
import type { Arguments } from '../arguments/parse.ts';
import type { CommandSpec } from '../arguments/spec.ts';
import type { Verb } from '../invocation.ts';

/** The registry is a program of its own, on Node: this one starts it and ends as it does. */
export const registry: Verb = async ({ command, args, io }) => {
  const [file, ...words] = findProgram();
  // It notices by this pipe when we are gone, however we went.
  const env = { ...io.env, ORLOP_LIFELINE: '3' };
  const child = spawn(file, [...words, command.name.replace('registry ', ''), ...flagWords(command, args)], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env,
  });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
};

/** Beside the executable, beside the bundle, or among the sources, wherever this program is. Fails with failed-precondition. */
function findProgram(): readonly [file: string, ...words: string[]] {
  const script = process.argv[1] ?? '';
  const built = [dirname(process.execPath), dirname(script)].find((folder) => existsSync(join(folder, 'orlop-registry.mjs')));
  if (built !== undefined && !script.endsWith('.ts')) {
    const node = join(built, 'node');
    return [existsSync(node) ? node : process.execPath, join(built, 'orlop-registry.mjs')];
  }
  const source = join(dirname(script), 'registry.ts');
  if (existsSync(source)) return [process.execPath, source];
  throw new OrlopError('failed-precondition', 'CLI_NO_REGISTRY', 'the registry server is not beside this program', {
    hint: 'run npm run setup',
  });
}

/** What was given, as words again. */
function flagWords({ flags }: CommandSpec, args: Arguments): readonly string[] {
  return flags.flatMap(({ name, kind }) => {
    if (kind === 'flag') return args.flag(name) ? [`--${name}`] : [];
    const value = args.text(name);
    return value === undefined ? [] : [`--${name}=${value}`];
  });
}
