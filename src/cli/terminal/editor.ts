import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { buffer } from 'node:stream/consumers';
import { OrlopError, toOrlopError } from '#errors';
import { write, type Io } from '../io.ts';
import { reportError } from '../render/error.ts';

/** As `editBytes`, for a text. */
export function editText(io: Io, text: string, apply: (text: string) => Promise<void>): Promise<void> {
  return editBytes(io, { name: 'settings.yaml', bytes: Buffer.from(text) }, (bytes) => apply(bytes.toString('utf8')));
}

/** What is edited; the name tells an editor what kind of text it is. */
export interface Edited {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * Lets a person change a file in their editor, and hands it on when it has changed. What is refused can be edited again at a terminal; elsewhere the refusal is thrown. An editor that
 * fails changes nothing. Without a terminal on standard input, and without an editor named, the new content is read from there, as in `orlop edit web < web.yaml`.
 */
export async function editBytes(io: Io, { name, bytes }: Edited, apply: (bytes: Buffer) => Promise<void>): Promise<void> {
  if (!io.stdin.isTTY && (io.env['VISUAL'] ?? io.env['EDITOR']) === undefined) return apply(await buffer(io.stdin));
  await using files = new AsyncDisposableStack();
  const directory = files.adopt(await mkdtemp(join(tmpdir(), 'orlop-edit-')), (path) => rm(path, { recursive: true, force: true }));
  const file = join(directory, name);
  await writeFile(file, bytes, { mode: 0o600 });
  for (;;) {
    await runEditor(io, file);
    const edited = await readFile(file);
    if (edited.equals(bytes)) return await write(io.stderr, 'Nothing was changed.\n');
    try {
      await apply(edited);
      return;
    } catch (error) {
      if (!io.stdin.isTTY) throw error;
      await reportError(io, toOrlopError(error));
      if (!(await asksAgain(io))) throw new OrlopError('cancelled', 'CLI_EDIT_GIVEN_UP', 'nothing was changed', { cause: error });
    }
  }
}

async function asksAgain(io: Io): Promise<boolean> {
  const lines = createInterface({ input: io.stdin, output: process.stderr });
  try {
    return !/^n/i.test((await lines.question('Edit it again? [Y/n] ')).trim());
  } finally {
    lines.close();
  }
}

/** As git does, through the shell: the variable may hold arguments. */
function runEditor({ env }: Io, file: string): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi';
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'editor', file], { stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new OrlopError(
            'failed-precondition',
            'CLI_EDITOR_FAILED',
            `the editor ${editor} ended with ${code ?? 'a signal'}: nothing was changed`,
          ),
        );
    });
  });
}
