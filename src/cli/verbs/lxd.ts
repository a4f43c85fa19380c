import { stat } from 'node:fs/promises';
import { isErrno, OrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write, type Io } from '../io.ts';
import { printJson } from '../render/json.ts';
import { createProgressView } from '../render/progress.ts';
import { importImage, openSource, readStandardInput } from './import.ts';

/** `orlop image import`: as `orlop import` without `--lxd`. */
export const importAnyImage: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  if (!args.flag('lxd')) {
    refuse(args.text('name') !== undefined, '--name goes with --lxd', 'write the name behind the file');
    return importImage(invocation);
  }
  refuse(
    ['change', 'message', 'platform'].some((flag) => args.has(flag)),
    '--change, --message and --platform do not go with --lxd',
  );
  const [file = '', root] = args.positionals;
  refuse(
    root !== undefined && (file === '-' || root === '-'),
    'an image in two files cannot be read from standard input',
    'name both files',
  );
  using view = createProgressView(io.stderr, { quiet: args.flag('quiet') });
  const image = await (await client()).lxd.import(joined(file, root, io), {
    name: args.text('name'),
    ...(root === undefined ? {} : { metadataBytes: await sizeOf(file) }),
    progress: (step) => view.report(step),
  });
  view[Symbol.dispose]();
  await (args.flag('json') ? printJson(io, image) : write(io.stdout, `${image.name ?? image.id}\n`));
  return exitCodes.ok;
};

export const fetchImages: Verb = async ({ args, io, client }) => {
  const engine = await client();
  const list: unknown[] = [];
  for (const source of args.positionals) {
    using view = createProgressView(io.stderr, { quiet: args.flag('quiet') });
    const { id, name } = await engine.lxd.fetch(source, { progress: (step) => view.report(step) });
    view[Symbol.dispose]();
    list.push({ id, name });
    if (!args.flag('json')) await write(io.stdout, `${name ?? id}\n`);
  }
  if (args.flag('json')) await printJson(io, list);
  return exitCodes.ok;
};

/** One file after the other: the engine knows where the first ends. */
async function* joined(file: string, root: string | undefined, io: Io): AsyncGenerator<Uint8Array> {
  yield* file === '-' ? readStandardInput(io) : await openSource(file);
  if (root !== undefined) yield* await openSource(root);
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (cause) {
    const missing = isErrno(cause, 'ENOENT');
    const why = missing ? 'no such file' : (cause as Error).message;
    throw new OrlopError(missing ? 'not-found' : 'failed-precondition', 'CLI_UNREADABLE_FILE', `cannot read ${file}: ${why}`, { cause });
  }
}

function refuse(wrong: boolean, message: string, hint?: string): void {
  if (wrong) throw new OrlopError('invalid-argument', 'CLI_USAGE', message, hint === undefined ? {} : { hint });
}
