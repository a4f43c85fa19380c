import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { archive, directory, file, link, symlink } from '../testing/archive.ts';
import type { TarEntry } from './header.ts';
import { createTarReader } from './reader.ts';
import { formatTarEntry, createTarEntry, endOfArchive } from './writer.ts';
import { toByteText } from './byte-text.ts';

interface Read {
  readonly entry: TarEntry;
  content: string;
}

function readAll(data: Buffer, pieceBytes = data.length): Read[] {
  const found: Read[] = [];
  const reader = createTarReader({
    entry: (entry) => found.push({ entry, content: '' }),
    data(chunk, offset) {
      const last = found.at(-1) as Read;
      assert.equal(offset, last.content.length);
      last.content += chunk.toString('latin1');
    },
    endOfFile() {},
  });
  for (let at = 0; at < data.length; at += pieceBytes) reader.write(data.subarray(at, at + pieceBytes));
  reader.end();
  return found;
}

const sample = archive(
  directory('d/'),
  file('d/hello', 'hello', { mtimeNs: 1_700_000_000_123_456_789n, xattrs: new Map([['user.b', Buffer.from([0, 0xff, 0x80, 10])]]) }),
  file(`d/${'long'.repeat(60)}`, 'x'.repeat(1500), { uid: 3_000_000_000, gid: 5 }),
  symlink('d/link', '/etc/passwd'),
  link('d/hard', 'd/hello'),
  { path: 'd/null', type: 'character', major: 1, minor: 3 },
);

test('an archive reads the same in pieces of any size', () => {
  const whole = readAll(sample);
  assert.deepEqual(
    whole.map(({ entry }) => [entry.path.slice(0, 20), entry.type]),
    [
      ['d/', 'directory'],
      ['d/hello', 'file'],
      [`d/${'long'.repeat(60)}`.slice(0, 20), 'file'],
      ['d/link', 'symlink'],
      ['d/hard', 'link'],
      ['d/null', 'character'],
    ],
  );
  const [, hello, long] = whole as [Read, Read, Read];
  assert.equal(hello.entry.mtimeNs, 1_700_000_000_123_456_789n);
  assert.deepEqual(hello.entry.xattrs.get('user.b'), Buffer.from([0, 0xff, 0x80, 10]));
  assert.equal(long.entry.uid, 3_000_000_000);
  assert.equal(long.content, 'x'.repeat(1500));
  for (const size of [1, 7, 511, 512, 513, 1000]) assert.deepEqual(readAll(sample, size), whole, `pieces of ${size}`);
});

test('an archive may end without its zero blocks and its last padding, but not inside something', () => {
  const bare = sample.subarray(0, sample.length - 1024);
  assert.equal(readAll(bare).length, 6);
  const last = archive(file('last', 'hello'));
  for (const end of [517, 518, 1023]) assert.equal(readAll(last.subarray(0, end)).at(-1)?.content, 'hello');
  refuses(last.subarray(0, 516), /ends in the middle/);
  assert.deepEqual(readAll(Buffer.alloc(0)), []);
  for (const cut of [100, 700, bare.length - 1]) refuses(bare.subarray(0, cut), /ends in the middle/);
});

test('damage is found by the checksum', () => {
  const broken = Buffer.from(sample);
  broken[3] = 0x41;
  refuses(broken, /the header at byte 0 has a wrong checksum/);
});

function refuses(data: Buffer, pattern: RegExp): void {
  assert.throws(
    () => readAll(data),
    (error) => isOrlopError(error, 'invalid-argument') && error.code === 'STORE_BAD_TAR' && pattern.test(error.message),
  );
}

/** A raw header with fields overwritten and the checksum made right. */
function header(change: (block: Buffer) => void, typeflag = '0'): Buffer {
  const block = formatTarEntry(createTarEntry({ path: toByteText('x'), type: 'file' }));
  block.write(typeflag, 156, 'latin1');
  change(block);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function withSize(typeflag: string, size: string): Buffer {
  return header((block) => block.write(size, 124, 'latin1'), typeflag);
}

function pax(...records: readonly string[]): Buffer {
  const body = Buffer.from(records.map((record) => sized(record)).join(''), 'latin1');
  const block = withSize('x', `${body.length.toString(8).padStart(11, '0')}\0`);
  return Buffer.concat([block, body, Buffer.alloc((512 - (body.length % 512)) % 512), header(() => {})]);
}

function sized(record: string): string {
  const rest = ` ${record}\n`;
  const length = rest.length + String(rest.length + 3).length;
  return `${length + (String(length).length > String(rest.length + 3).length ? 1 : 0)}${rest}`;
}

const hostile: readonly (readonly [what: string, data: Buffer, pattern: RegExp])[] = [
  ['a huge extended header', withSize('x', '77777777777\0'), /extended header of 8589934591 bytes/],
  ['a huge long name', withSize('L', '00000777777\0'), /extended header of/],
  ['a negative size', header((block) => block.fill(0xff, 124, 136)), /negative/],
  [
    'a size beyond 2^53',
    header((block) => block.fill(0x7f, 125, 136).writeUInt8(0x80, 124)),
    /size of the header at byte 0 is out of range/,
  ],
  ['a size that is no number', header((block) => block.write('99999999999\0', 124, 'latin1')), /size of the header at byte 0 is no number/],
  ['an unknown type', header(() => {}, 'Z'), /"x" has the unknown type "Z"/],
  ['several volumes', header(() => {}, 'M'), /unknown type "M"/],
  ['a lone zero block', Buffer.concat([Buffer.alloc(512), header(() => {})]), /lone zero block/],
  ['a pax record without length', pax('path=a').fill('x', 512, 514), /has no length|malformed/],
  [
    'a pax record that is too long',
    Buffer.concat([withSize('x', '00000000012\0'), Buffer.from('99 path=a\n'), Buffer.alloc(502)]),
    /malformed/,
  ],
  ['a pax size that is no number', pax('size=-5'), /extended header size is no number/],
  ['a pax time that is no time', pax('mtime=yesterday'), /mtime is no time/],
  ['a pax name with NUL', pax('path=a\0b'), /contains NUL/],
  ['an attribute without name', pax('SCHILY.xattr.=x'), /attribute name "" is malformed/],
  ['a sparse map out of order', pax('GNU.sparse.size=100', 'GNU.sparse.map=50,0,10,0'), /overlaps/],
  ['a sparse map beyond the file', pax('GNU.sparse.size=100', 'GNU.sparse.map=90,20'), /exceeds/],
  ['a sparse map of more than is stored', pax('GNU.sparse.size=100', 'GNU.sparse.map=0,20'), /covers 20 bytes but 0 are stored/],
  ['an odd sparse map', pax('GNU.sparse.size=100', 'GNU.sparse.map=0'), /incomplete/],
  [
    'a sparse 1.0 file without map',
    pax('GNU.sparse.major=1', 'GNU.sparse.minor=0', 'GNU.sparse.realsize=5'),
    /map of a sparse file is incomplete/,
  ],
];

for (const [what, data, pattern] of hostile) test(`${what} is refused`, () => refuses(Buffer.concat([data, endOfArchive()]), pattern));

test('an endless chain of sparse extension blocks is cut off', () => {
  const start = header((block) => {
    block.write('ustar  \0', 257, 'latin1');
    block[482] = 1;
  }, 'S');
  const extension = Buffer.alloc(512);
  for (let slot = 0; slot < 21; slot += 1) {
    extension.write('00000000001\0', slot * 24, 'latin1');
    extension.write('00000000000\0', slot * 24 + 12, 'latin1');
  }
  extension[504] = 1;
  const reader = createTarReader({ entry() {}, data() {}, endOfFile() {} });
  reader.write(start);
  assert.throws(() => {
    for (let count = 0; count < 100_000; count += 1) reader.write(extension);
  }, /too many extents/);
});

test('global headers cannot grow without bound', () => {
  const body = Buffer.alloc(1024 * 1024, ' ');
  body.write(`${body.length} comment=`);
  body[body.length - 1] = 0x0a;
  const one = Buffer.concat([withSize('g', `${body.length.toString(8).padStart(11, '0')}\0`), body]);
  const reader = createTarReader({ entry() {}, data() {}, endOfFile() {} });
  assert.throws(() => {
    for (let count = 0; count < 10; count += 1) reader.write(one);
  }, /too many global headers/);
});

test("libarchive's attributes are understood", () => {
  const [read] = readAll(Buffer.concat([pax('LIBARCHIVE.xattr.user.a%20b=AP8='), endOfArchive()]));
  assert.deepEqual([...(read?.entry.xattrs ?? [])], [['user.a b', Buffer.from([0, 0xff])]]);
});

test('any damage to an archive is refused or read, never a crash or a hang', () => {
  const bytes = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { maxLength: 8 });
  fc.assert(
    fc.property(bytes, fc.boolean(), fc.nat(sample.length), (changes, fix, end) => {
      const data = Buffer.from(sample.subarray(0, end === 0 ? sample.length : end));
      for (const [at, value] of changes) if (at < data.length) data[at] = value;
      if (fix) for (let at = 0; at + 512 <= data.length; at += 512) repairSum(data.subarray(at, at + 512));
      let received = 0;
      const reader = createTarReader({ entry() {}, data: (chunk) => (received += chunk.length), endOfFile() {} });
      try {
        reader.write(data);
        reader.end();
      } catch (error) {
        assert.ok(isOrlopError(error) && error.code === 'STORE_BAD_TAR', String(error));
      }
      assert.ok(received <= data.length);
    }),
    { numRuns: 3000 },
  );
});

function repairSum(block: Buffer): void {
  if (block.toString('latin1', 257, 262) !== 'ustar') return;
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
