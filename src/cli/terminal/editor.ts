import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { OrlopError, toOrlopError } from '#errors';
import { write, type Io } from '../io.ts';
import { reportError } from '../render/error.ts';

/**
 * Lets a person change a text in their editor, and hands it on when it has changed. What is refused can be edited again at a terminal; elsewhere the refusal is thrown. An editor that
 * fails changes nothing. Without a terminal on standard input, the new text is read from there, as in `orlop edit web < web.yaml`.
 */
export async function editText(io: Io, text: string, apply: (text: string) => Promise<void>): Promise<void> {
  if (!io.stdin.isTTY && (io.env['VISUAL'] ?? io.env['EDITOR']) === undefined) return apply(await readAll(io.stdin));
  await using files = new AsyncDisposableStack();
  const directory = files.adopt(await mkdtemp(join(tmpdir(), 'orlop-edit-')), (path) => rm(path, { recursive: true, force: true }));
  const file = join(directory, 'settings.yaml');
  await writeFile(file, text, { mode: 0o600 });
  for (;;) {
    await runEditor(io, file);
    const edited = await readFile(file, 'utf8');
    if (edited === text) return await write(io.stderr, 'Nothing was changed.\n');
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

async function readAll(input: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const chunk of input.setEncoding('utf8')) text += String(chunk);
  return text;
}
