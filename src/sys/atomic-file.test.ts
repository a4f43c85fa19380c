import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ErrnoError, isErrno } from '#errors';
import { writeFileAtomic } from './atomic-file.ts';

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-atomic-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('contents and mode are replaced together', async (t) => {
  const path = join(scratch(t), 'state.json');
  await writeFileAtomic(path, 'one');
  assert.equal(statSync(path).mode & 0o7777, 0o600);
  await writeFileAtomic(path, Buffer.from('two'), { mode: 0o666, sync: false });
  assert.equal(readFileSync(path, 'utf8'), 'two');
  assert.equal(statSync(path).mode & 0o7777, 0o666, 'the umask does not narrow it');
});

test('a reader never sees half a file', async (t) => {
  const path = join(scratch(t), 'f');
  await writeFileAtomic(path, 'a'.repeat(1 << 20));
  const writing = writeFileAtomic(path, 'b'.repeat(1 << 20));
  const seen = new Set<string>();
  let done = false;
  const finished = writing.finally(() => {
    done = true;
  });
  while (!done) {
    const text = readFileSync(path, 'utf8');
    assert.equal(text.length, 1 << 20);
    seen.add(`${text[0] ?? ''}${text.at(-1) ?? ''}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await finished;
  for (const ends of seen) assert.ok(ends === 'aa' || ends === 'bb', ends);
});

test('a failure leaves nothing behind and says what failed', async (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, 'taken', 'inside'), { recursive: true });
  await assert.rejects(
    writeFileAtomic(join(directory, 'taken'), 'x'),
    (error) => error instanceof ErrnoError && isErrno(error, 'EISDIR', 'ENOTEMPTY'),
  );
  await assert.rejects(writeFileAtomic(join(directory, 'no', 'where'), 'x'), (error) => isErrno(error, 'ENOENT'));
  assert.deepEqual(readdirSync(directory), ['taken']);
});
