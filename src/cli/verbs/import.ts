import { open, type FileHandle } from 'node:fs/promises';
import { isErrno, OrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write, type Io } from '../io.ts';
import { printJson } from '../render/json.ts';

export const importImage: Verb = async ({ args, io, client }) => {
  const [file = '', name] = args.positionals;
  const fetched = /^https?:\/\//.test(file) ? file : null;
  const source = fetched !== null ? fetched : file === '-' ? readStandardInput(io) : await openSource(file);
  const id = await (await client()).images.importRoot(source, {
    name,
    message: args.text('message'),
    changes: args.list('change'),
    platform: args.text('platform'),
  });
  await (args.flag('json') ? printJson(io, { Id: id }) : write(io.stdout, `${id}\n`));
  return exitCodes.ok;
};

export function readStandardInput(io: Io): AsyncIterable<Uint8Array> {
  if (io.stdin.isTTY) {
    throw new OrlopError('failed-precondition', 'CLI_USAGE', 'refusing to read an archive from a terminal', {
      hint: 'redirect or pipe the tar into it',
    });
  }
  return io.stdin as AsyncIterable<Uint8Array>;
}

export async function openSource(path: string): Promise<AsyncIterable<Uint8Array>> {
  const unreadable = (cause: unknown): OrlopError => {
    const missing = isErrno(cause, 'ENOENT');
    const why = missing ? 'no such file' : isErrno(cause, 'EISDIR') ? 'it is a directory' : String((cause as NodeJS.ErrnoException).code);
    const hint = isErrno(cause, 'EISDIR') ? { hint: `tar -C ${path} -c . | orlop import - NAME` } : {};
    return new OrlopError(missing ? 'not-found' : 'failed-precondition', 'CLI_UNREADABLE_FILE', `cannot read ${path}: ${why}`, {
      cause,
      ...hint,
    });
  };
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(cause);
  });
  return readPieces(file, unreadable);
}

async function* readPieces(file: FileHandle, unreadable: (cause: unknown) => OrlopError): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of file.createReadStream({ highWaterMark: 256 * 1024 })) yield piece as Uint8Array;
  } catch (cause) {
    throw unreadable(cause);
  }
}
