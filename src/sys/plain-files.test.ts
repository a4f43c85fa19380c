import assert from 'node:assert/strict';
import * as nodes from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as plain from './plain-files.ts';

plain.usePlainLibrary(join(import.meta.dirname, '../../build/sys.node'));

/** The part of node:fs that both have. */
type Files = Pick<
  typeof nodes,
  | 'existsSync'
  | 'openSync'
  | 'closeSync'
  | 'readFileSync'
  | 'readSync'
  | 'writeSync'
  | 'writeFileSync'
  | 'mkdirSync'
  | 'rmdirSync'
  | 'unlinkSync'
  | 'rmSync'
  | 'renameSync'
  | 'readlinkSync'
  | 'realpathSync'
  | 'readdirSync'
>;
const ours = plain as unknown as Files;

/** What a call gives or throws. */
function tell(call: () => unknown): unknown {
  try {
    return { gave: call() };
  } catch (error) {
    const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException;
    return { message, code, errno, syscall, path };
  }
}

/** Does the same in a new directory of the same contents for each, and compares what comes back and what is there then. */
function compare(t: TestContext, work: (files: Files, root: string) => unknown): void {
  const place = nodes.mkdtempSync(join(tmpdir(), 'orlop-plain-'));
  t.after(() => nodes.rmSync(place, { recursive: true }));
  const root = join(place, 'root');
  const [mine, theirs] = [ours, nodes].map((files) => {
    nodes.rmSync(root, { recursive: true, force: true });
    nodes.mkdirSync(join(root, 'full/sub'), { recursive: true });
    nodes.writeFileSync(join(root, 'file'), 'text of it: ü');
    nodes.writeFileSync(join(root, 'empty'), '');
    nodes.writeFileSync(join(root, 'large'), Buffer.alloc(1_000_000, 'ab'));
    nodes.symlinkSync('file', join(root, 'link'));
    nodes.symlinkSync('nowhere', join(root, 'broken'));
    const came = work(files, root);
    const left = nodes.readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => `${name} ${describe(join(root, name))}`);
    return { came, left: left.toSorted() };
  });
  assert.deepEqual(mine, theirs);
}

function describe(path: string): string {
  const { mode, size } = nodes.lstatSync(path);
  return `${mode} ${size}`;
}

const names = [
  'file',
  'empty',
  'large',
  'link',
  'broken',
  'full',
  'full/sub',
  'absent',
  'file/below',
  'absent/below',
  '',
  'nul\0',
  'ü',
  'x'.repeat(300),
];

test('files are read and looked for as by node:fs', (t) => {
  compare(t, (files, root) =>
    names.flatMap((name) => [
      tell(() => files.existsSync(join(root, name))),
      tell(() => files.readFileSync(join(root, name), 'utf8')),
      tell(() => files.readFileSync(join(root, name))),
      tell(() => files.readlinkSync(join(root, name))),
      tell(() => files.realpathSync(join(root, name))),
    ]),
  );
});

test('files of the kernel, which say that they are empty, are read to their end', () => {
  assert.equal(ours.readFileSync('/proc/filesystems', 'utf8'), nodes.readFileSync('/proc/filesystems', 'utf8'));
  assert.equal(tell(() => ours.readFileSync('/proc/kallsyms', 'utf8').length) !== undefined, true);
  assert.equal(ours.readFileSync('/proc/kallsyms').length, nodes.readFileSync('/proc/kallsyms').length);
});

test('files are written, renamed and removed as by node:fs', (t) => {
  compare(t, (files, root) =>
    names.flatMap((name) => [
      tell(() => files.writeFileSync(join(root, name), 'new ü')),
      tell(() => files.writeFileSync(join(root, `${name}1`), Buffer.from('bytes'), { mode: 0o640 })),
      tell(() => files.writeFileSync(join(root, `${name}1`), 'once', { flag: 'wx' })),
      tell(() => files.renameSync(join(root, name), join(root, `${name}2`))),
      tell(() => files.unlinkSync(join(root, name))),
      tell(() => files.rmSync(join(root, `${name}2`))),
      tell(() => files.rmSync(join(root, name), { force: true })),
    ]),
  );
});

test('directories are made, listed and removed as by node:fs', (t) => {
  const sorted = (entries: readonly nodes.Dirent[]): unknown =>
    entries
      .map((one) =>
        [one.name, one.parentPath, one.isDirectory(), one.isFile(), one.isSymbolicLink(), one.isFIFO(), one.isSocket()].join(' '),
      )
      .toSorted();
  compare(t, (files, root) =>
    names.flatMap((name) => [
      tell(() => files.readdirSync(join(root, name)).toSorted()),
      tell(() => sorted(files.readdirSync(join(root, name), { withFileTypes: true }))),
      tell(() => files.mkdirSync(join(root, name), 0o711)),
      tell(() => files.mkdirSync(join(root, name), { recursive: true, mode: 0o700 })),
      tell(() => files.mkdirSync(join(root, name, 'deep/er'), { recursive: true })),
      tell(() => files.rmdirSync(join(root, name))),
      tell(() => files.rmSync(join(root, name), { recursive: true, force: true })),
    ]),
  );
});

test('descriptors are opened, read, written and closed as by node:fs', (t) => {
  compare(t, (files, root) => {
    const opened = names.map((name) => tell(() => files.closeSync(files.openSync(join(root, name), 'r'))));
    const written = files.openSync(join(root, 'fresh'), 'w', 0o600);
    const counts = [
      tell(() => files.writeSync(written, 'text ü')),
      tell(() => files.writeSync(written, Buffer.from('abcdef'), 2, 3)),
      tell(() => files.readSync(written, Buffer.alloc(3))),
    ];
    files.closeSync(written);
    const into = Buffer.alloc(12, '.');
    const read = files.openSync(join(root, 'fresh'), nodes.constants.O_RDONLY);
    const reads = [
      tell(() => files.readSync(read, into, 1, 3, 2)),
      tell(() => files.readSync(read, into, 5, 4, null)),
      tell(() => files.readSync(read, into, 20, 4, null)),
      tell(() => files.writeSync(read, 'no')),
    ];
    files.closeSync(read);
    const again = [tell(() => files.closeSync(1_000_000)), tell(() => files.openSync(join(root, 'fresh'), 'wx'))];
    return { opened, counts, reads, into, again };
  });
});
