import assert from 'node:assert/strict';
import { closeSync, existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { parseLogConfig } from './config.ts';
import { packRow } from './pack.ts';
import { openRow } from './row.ts';

const line = '{"log":"x\\n","stream":"stdout","time":"1970-01-01T00:00:02Z"}\n';

/** A directory with these files, each with a whole line unless it says otherwise. */
function createDirectory(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-row-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

function open(directory: string, options: Record<string, string> = {}, driver = 'json-file', locked = false) {
  const descriptors: number[] = [];
  const borrow = (descriptor: number): number => (descriptors.push(descriptor), descriptor);
  const target = openRow(directory, parseLogConfig({ driver, options }), {}, { borrow, isLocked: () => locked });
  descriptors.forEach((descriptor) => closeSync(descriptor));
  return target;
}

describe('a row that a container starts with', () => {
  test('is made when there is none', (t) => {
    const directory = createDirectory(t, {});
    const target = open(directory);
    assert.deepEqual([target?.row?.number, target?.row?.bornNs, target?.row?.name, target?.format], [1, 0n, 'container.log', 'json-file']);
    assert.deepEqual(readdirSync(directory).toSorted(), ['container.log', 'container.log.1']);
    assert.equal(statSync(join(directory, 'container.log')).ino, statSync(join(directory, 'container.log.1')).ino);
  });

  test('goes on with its last file, whose age it knows', (t) => {
    const directory = createDirectory(t, { 'container.log.4': line, 'container.log.5': line });
    const target = open(directory, { 'max-size': '1k', 'max-age': '1h', 'max-file': '2' });
    assert.deepEqual(target?.row && { ...target.row, directory: 0 }, {
      directory: 0,
      name: 'container.log',
      number: 5,
      sizeBytes: 1000,
      ageNs: 3_600_000_000_000n,
      bornNs: 2_000_000_000n,
      files: 2,
    });
  });

  test('that another writer is still at is left as it is, when it has a buffer', (t) => {
    const directory = createDirectory(t, { 'container.log.1': `${line}{"log"` });
    const options = { mode: 'non-blocking', 'max-buffer-size': '64k' };
    assert.equal(open(directory, options, 'json-file', true)?.bufferBytes, 65_536);
    assert.equal(readFileSync(join(directory, 'container.log.1'), 'utf8'), `${line}{"log"`);
    open(directory, options);
    assert.equal(readFileSync(join(directory, 'container.log.1'), 'utf8'), line);
    assert.equal(open(directory)?.bufferBytes, undefined);
  });

  test('is rid of a line that a kill has torn, however long', (t) => {
    for (const torn of ['', '{"log"', 'x'.repeat(200_000)]) {
      const directory = createDirectory(t, { 'container.log.1': line + line + torn });
      open(directory);
      assert.equal(readFileSync(join(directory, 'container.log.1'), 'utf8'), line + line);
      writeFileSync(join(directory, 'container.log.1'), torn);
      open(directory);
      assert.equal(readFileSync(join(directory, 'container.log.1'), 'utf8'), '');
    }
  });

  test('is rid of what is too much, and of what a kill has left half done', (t) => {
    const names = [
      'container.log.1',
      'container.log.2.gz',
      'container.log.3',
      'container.log.3.gz.packing',
      'container.log.4',
      'container.log.new',
    ];
    const directory = createDirectory(t, Object.fromEntries(names.map((name) => [name, line])));
    linkSync(join(directory, 'container.log.3'), join(directory, 'container.log'));
    open(directory, { 'max-file': '2' });
    assert.deepEqual(readdirSync(directory).toSorted(), ['container.log', 'container.log.3', 'container.log.4']);
    assert.equal(statSync(join(directory, 'container.log')).ino, statSync(join(directory, 'container.log.4')).ino);
  });

  test('is none where nothing is kept', (t) => {
    const directory = createDirectory(t, {});
    assert.equal(open(directory, {}, 'none'), null);
    assert.deepEqual(readdirSync(directory), []);
  });
});

describe('packing', () => {
  const signal = new AbortController().signal;

  test('leaves the last file alone and keeps when the others were written', async (t) => {
    const directory = createDirectory(t, { 'container.log.1': line, 'container.log.2': line, 'container.log.3': line });
    const { mtimeMs } = statSync(join(directory, 'container.log.1'));
    await packRow(directory, signal);
    assert.deepEqual(readdirSync(directory).toSorted(), ['container.log.1.gz', 'container.log.2.gz', 'container.log.3']);
    assert.ok(Math.abs(statSync(join(directory, 'container.log.1.gz')).mtimeMs - mtimeMs) < 2);
  });

  test('can be repeated after a kill at any step', async (t) => {
    const directory = createDirectory(t, { 'container.log.1': line, 'container.log.1.gz.packing': 'half', 'container.log.2': line });
    await packRow(directory, signal);
    // As when it was killed before the file went.
    writeFileSync(join(directory, 'container.log.1'), line);
    await packRow(directory, signal);
    assert.deepEqual(readdirSync(directory).toSorted(), ['container.log.1.gz', 'container.log.2']);
  });

  test('of a directory that is gone does nothing', async (t) => {
    const directory = createDirectory(t, {});
    await packRow(join(directory, 'none'), signal);
    assert.equal(existsSync(join(directory, 'none')), false);
  });

  test('that is given up leaves nothing half done', async (t) => {
    const directory = createDirectory(t, { 'container.log.1': line, 'container.log.2': line });
    await packRow(directory, AbortSignal.abort());
    assert.deepEqual(readdirSync(directory).toSorted(), ['container.log.1', 'container.log.2']);
  });
});
