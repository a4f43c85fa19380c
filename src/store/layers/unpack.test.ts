import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isOrlopError } from '#errors';
import { type Addon, loadAddon } from '#sys';
import { archive, directory, file, link, type Member, symlink } from '../testing/archive.ts';
import { asRoot, inPieces, temporaryDirectory } from '../testing/temporary-store.ts';
import { describeTree } from '../testing/tree.ts';
import { runUnpackJob, type UnpackResult } from './unpack-job.ts';

/** A directory with a file outside of where archives are unpacked; `unpack` makes one layer after another, each on top of the earlier ones. */
interface Place {
  readonly addon: Addon;
  readonly base: string;
  unpack(...members: readonly Member[]): Promise<string>;
  readonly results: UnpackResult[];
}

function makePlace(t: TestContext): Place {
  const addon = loadAddon();
  const base = temporaryDirectory(t, addon);
  writeFileSync(join(base, 'outside'), 'untouched');
  const lower: string[] = [];
  const results: UnpackResult[] = [];
  let count = 0;
  return {
    addon,
    base,
    results,
    async unpack(...members) {
      const where = join(base, `layer-${count++}`);
      mkdirSync(where);
      results.push(
        await runUnpackJob(addon, { directory: where, lower: lower.toReversed(), diffId: null }, inPieces(archive(...members)), () => {}),
      );
      lower.push(join(where, 'fs'));
      return join(where, 'fs');
    },
  };
}

const escapes: readonly (readonly [what: string, members: readonly Member[]])[] = [
  ['..', [file('../outside', 'evil')]],
  ['.. in the middle', [directory('a'), file('a/../../outside', 'evil')]],
  ['a hard link through ..', [link('a', '../outside')]],
  ['a hard link through a link to ..', [symlink('up', '..'), link('a', 'up/outside'), file('a', 'evil')]],
  ['a hard link through an absolute link', [symlink('abs', '/'), link('a', 'abs/etc/passwd')]],
  ['a link as the root', [symlink('.', '/etc')]],
  ['a file as the root', [file('.', '')]],
  ['a file used as a directory', [file('a', 'x'), file('a/b', 'y')]],
  ['a dangling link used as a directory', [symlink('a', 'nowhere'), file('a/b', 'y')]],
  ['links in a circle', [symlink('a', 'b'), symlink('b', 'a'), file('a/c', 'y')]],
  ['a name that is too long', [file('x'.repeat(256), '')]],
  ['a link to nothing', [symlink('a', '')]],
  ['a hard link to nothing', [link('a', 'missing')]],
  ['a hard link to a directory', [directory('d'), link('a', 'd')]],
  ['an impossible owner', [file('a', '', { uid: 2 ** 32 - 1 })]],
];

for (const [what, members] of escapes) {
  test(`${what} is refused, and nothing outside changes`, asRoot, async (t) => {
    const { base, unpack } = makePlace(t);
    await assert.rejects(unpack(...members), (error) => isOrlopError(error, 'invalid-argument') && error.code === 'STORE_BAD_TAR');
    assert.equal(readFileSync(join(base, 'outside'), 'utf8'), 'untouched');
  });
}

const contained: readonly (readonly [what: string, members: readonly Member[], lands: string])[] = [
  ['an absolute path', [file('/abs', 'x')], 'abs'],
  ['an absolute link as parent', [directory('real'), symlink('abs', '/real'), file('abs/x', 'x')], 'real/x'],
  ['a link with .. as parent', [directory('real'), symlink('up', '../../../real'), file('up/x', 'x')], 'real/x'],
  ['an absolute hard link', [file('one', 'x'), link('two', '/one')], 'two'],
  ['a link at the last place', [symlink('x', '/outside'), file('x', 'x')], 'x'],
  ['a directory in place of a link', [symlink('x', '/etc'), directory('x'), file('x/y', 'x')], 'x/y'],
];

for (const [what, members, lands] of contained) {
  test(`${what} stays inside the tree`, asRoot, async (t) => {
    const { base, unpack } = makePlace(t);
    const tree = await unpack(...members);
    assert.equal(readFileSync(join(base, 'outside'), 'utf8'), 'untouched');
    assert.equal(readFileSync(join(tree, lands), 'utf8'), 'x');
  });
}

test('a directory that became a link meanwhile does not lead its entries away', asRoot, async (t) => {
  const { base, addon, unpack } = makePlace(t);
  mkdirSync(join(base, 'victim'));
  const tree = await unpack(
    directory('a'),
    directory('a/b'),
    file('a/b/one', '1'),
    symlink('a', join(base, 'victim')),
    directory('a/b'),
    file('a/b/two', '2'),
  ).catch((error: unknown) => error);
  // The link leads nowhere inside the root, so the archive is refused; had it been followed, `victim` would not be empty.
  assert.ok(isOrlopError(tree, 'invalid-argument'));
  assert.equal(describeTree(addon, join(base, 'victim')).length, 1);
});

test('times of directories are set through the tree only', asRoot, async (t) => {
  const { base, addon, unpack } = makePlace(t);
  mkdirSync(join(base, 'victim'));
  const before = describeTree(addon, join(base, 'victim'));
  await unpack(directory('d', { mtimeNs: 5n }), symlink('d', join(base, 'victim')));
  assert.deepEqual(describeTree(addon, join(base, 'victim')), before);
});

test('the last of equal names counts, whatever kinds they are', asRoot, async (t) => {
  const { addon, unpack } = makePlace(t);
  const tree = await unpack(
    file('a', 'first'),
    file('a', 'second', { mode: 0o600, mtimeNs: 7n }),
    directory('d'),
    file('d/x', 'x'),
    file('d', 'now a file', { mode: 0o600, mtimeNs: 7n }),
    symlink('l', 'a'),
    directory('l', { mtimeNs: 7n }),
    file('h1', 'shared', { mode: 0o600, mtimeNs: 7n }),
    link('h2', 'h1'),
    file('h1', 'apart', { mode: 0o600, mtimeNs: 7n }),
  );
  const lines = describeTree(addon, tree);
  assert.deepEqual(
    lines.slice(1).map((line) => line.split(' ').slice(0, 2)),
    [
      ['"a"', '100600'],
      ['"d"', '100600'],
      ['"h1"', '100600'],
      ['"h2"', '100600'],
      ['"l"', '40755'],
    ],
  );
  assert.equal(readFileSync(join(tree, 'a'), 'utf8'), 'second');
  assert.equal(readFileSync(join(tree, 'h2'), 'utf8'), 'shared');
  assert.equal(readFileSync(join(tree, 'h1'), 'utf8'), 'apart');
});

test('set-id bits, capabilities and times survive the change of owner', asRoot, async (t) => {
  const { addon, unpack } = makePlace(t);
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  const tree = await unpack(
    file('su', 'x', {
      mode: 0o6755,
      uid: 1000,
      gid: 1000,
      mtimeNs: 1_234_567_890n,
      xattrs: new Map([['security.capability', capability]]),
    }),
  );
  assert.match(
    describeTree(addon, tree)[1] ?? '',
    /^"su" 106755 1000:1000 1234567890 .* security.capability=0100000200040000000000000000000000000000$/,
  );
});

test("the archive's own overlay attributes are dropped: they could reach other layers", asRoot, async (t) => {
  const { addon, unpack } = makePlace(t);
  const evil = new Map([
    ['trusted.overlay.redirect', Buffer.from('/etc')],
    ['trusted.overlay.opaque', Buffer.from('y')],
    ['user.overlay.opaque', Buffer.from('y')],
    ['trusted.fine', Buffer.from('z')],
  ]);
  const tree = await unpack(directory('d', { xattrs: evil }));
  assert.match(describeTree(addon, tree)[1] ?? '', / 0 trusted\.fine=7a$/);
});

test('whiteouts become devices 0:0, opaque directories get their mark, wherever they stand in the archive', asRoot, async (t) => {
  const { addon, unpack } = makePlace(t);
  await unpack(directory('d'), file('d/gone', 'x'), directory('e'), file('e/old', 'x'), file('top', 'x'), directory('f'), directory('g'));
  const tree = await unpack(
    directory('d'),
    file('d/.wh.gone'),
    directory('e'),
    file('e/new', 'y'),
    file('e/.wh..wh..opq'),
    file('.wh.top'),
    file('.wh..wh.plnk', 'aufs kept things here'),
    file('.wh.f'),
    directory('f'),
    directory('g'),
    file('.wh.g'),
  );
  const lines = describeTree(addon, tree, { times: 'none' }).slice(1);
  assert.deepEqual(
    lines.map((line) => line.replace(/ [0-9a-f]{64}$/, '')),
    [
      '"d" 40755 0:0',
      '"d/gone" 20000 0:0 0,0',
      '"e" 40755 0:0 trusted.overlay.opaque=79',
      '"e/new" 100644 0:0 1',
      '"f" 40755 0:0 trusted.overlay.opaque=79',
      '"g" 40755 0:0 trusted.overlay.opaque=79',
      '"top" 20000 0:0 0,0',
    ],
  );
});

test('a base layer has nothing to hide', asRoot, async (t) => {
  const { addon, unpack } = makePlace(t);
  const tree = await unpack(directory('d'), file('d/.wh.x'), file('d/.wh..wh..opq'));
  assert.deepEqual(describeTree(addon, tree, { times: 'none' }).slice(1), ['"d" 40755 0:0']);
});

test('whiteouts that name nothing are refused', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  await unpack(directory('d'));
  for (const name of ['.wh.', '.wh..', '.wh...']) await assert.rejects(unpack(file(`d/${name}`)), /names nothing/);
});

test('directories that the archive only implies look as they did below', asRoot, async (t) => {
  const { addon, unpack } = makePlace(t);
  await unpack(
    directory('tmp', { mode: 0o1777, mtimeNs: 5n }),
    directory('srv', { mode: 0o700, uid: 33, gid: 33, mtimeNs: 6n, xattrs: new Map([['trusted.a', Buffer.from('b')]]) }),
    directory('hid', { mode: 0o700, mtimeNs: 6n }),
  );
  await unpack(file('.wh.hid'), file('srv/.wh.www'));
  const tree = await unpack(file('tmp/x', ''), file('srv/www/y', ''), file('hid/z', ''));
  const lines = describeTree(addon, tree);
  const line = (path: string): string => lines.find((text) => text.startsWith(`"${path}" `)) ?? '';
  assert.equal(line('tmp'), '"tmp" 41777 0:0 5');
  assert.equal(line('srv'), '"srv" 40700 33:33 6 trusted.a=62');
  assert.match(line('srv/www'), /40755 0:0/);
  assert.match(line('hid'), /^"hid" 40755 0:0/);
});

test('a hard link to a file of a lower layer brings the file up', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  await unpack(directory('bin'), file('bin/tool', 'machine code', { mode: 0o755, uid: 7, mtimeNs: 9n }));
  const tree = await unpack(link('bin/alias', 'bin/tool'));
  assert.equal(readFileSync(join(tree, 'bin/alias'), 'utf8'), 'machine code');
  const addon = loadAddon();
  assert.match(describeTree(addon, tree).at(-1) ?? '', /^"bin\/tool" 100755 7:0 link "bin\/alias" 9 12 /);
});

test('a hard link to a file that a layer between has removed is refused', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  await unpack(directory('bin'), file('bin/tool', 'x'));
  await unpack(directory('bin'), file('bin/.wh.tool'));
  await assert.rejects(unpack(link('alias', 'bin/tool')), /"alias" cannot be made/);
});

test('the data of a whiteout belongs to no file', asRoot, async (t) => {
  const { unpack, results } = makePlace(t);
  await unpack(file('kept', 'below'));
  const tree = await unpack(file('before', 'content'), file('.wh.kept', 'more of it'), file('after', ''));
  assert.equal(readFileSync(join(tree, 'before'), 'utf8'), 'content');
  assert.equal(readFileSync(join(tree, 'after'), 'utf8'), '');
  assert.equal(results.at(-1)?.size, 7);
});

test('files have the owner of the archive, not of their directory', asRoot, async (t) => {
  const { addon, unpack } = makePlace(t);
  const tree = await unpack(
    directory('d', { mode: 0o2775, gid: 50 }),
    file('d/small', 'x', { mode: 0o4755, mtimeNs: 1n }),
    file('d/large', Buffer.alloc(100_000, 'x'), { mode: 0o6711, uid: 3, mtimeNs: 2n }),
  );
  const lines = describeTree(addon, tree).map((line) => line.split(' ').slice(0, 4).join(' '));
  assert.ok(lines.includes('"d/small" 104755 0:0 1'), lines.join('\n'));
  assert.ok(lines.includes('"d/large" 106711 3:0 2'), lines.join('\n'));
});

test('a failed unpacking leaves no descriptor open', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  const count = (): number => readdirSync('/proc/self/fd').length;
  await unpack(file('warm', 'up'));
  const before = count();
  await assert.rejects(unpack(directory('a'), file('a/b', 'x'), file('../evil', 'x')));
  assert.equal(count(), before);
});

test('a link with its target kept as it is', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  const tree = await unpack(symlink('l', '/../../etc/shadow'));
  assert.equal(readlinkSync(join(tree, 'l')), '/../../etc/shadow');
});
