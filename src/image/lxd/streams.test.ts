import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { localName, parseRemoteName, parseRemotes } from './remotes.ts';
import { chooseImage, parseProducts, parseStreamIndex, type StreamImage } from './streams.ts';

const sum = (digit: string): string => digit.repeat(64);
const file = (ftype: string, more: object = {}): object => ({ ftype, path: `images/${ftype}`, sha256: sum('a'), size: 7, ...more });
const split = (fields: object, ...types: readonly string[]): object => ({
  items: Object.fromEntries([['meta', file('incus.tar.xz', fields)], ...types.map((type) => [type, file(type)])]),
});
const squash = split({ combined_squashfs_sha256: sum('b'), combined_rootxz_sha256: sum('c') }, 'squashfs', 'root.tar.xz', 'disk-kvm.img');

const list = (products: object): string => JSON.stringify({ format: 'products:1.0', products });
const debian = {
  'debian:bookworm:amd64:default': {
    aliases: 'debian/bookworm,debian/12,debian/12/default',
    arch: 'amd64',
    versions: { '20240102_05:24': squash, '20240101_05:24': split({}, 'squashfs'), '20240103_05:24': split({}) },
  },
  'debian:bookworm:arm64:default': { aliases: 'debian/bookworm,debian/12', arch: 'arm64', versions: { '20240105_05:24': squash } },
  'debian:bookworm:amd64:cloud': {
    aliases: 'debian/12/cloud',
    arch: 'amd64',
    versions: { 1: { items: { all: file('lxd_combined.tar.gz') } } },
  },
};

const choose = (alias: string, architecture = 'amd64'): StreamImage =>
  chooseImage(parseProducts(list(debian), 'h'), alias, { os: 'linux', architecture }, 'h');

describe('a simplestreams server', () => {
  it('has the newest version that is whole, as squashfs when it can be had', () => {
    const { product, version, root, fingerprint } = choose('debian/12');
    assert.deepEqual([product, version, root?.type], ['debian:bookworm:amd64:default', '20240102_05:24', 'squashfs']);
    assert.equal(fingerprint, sum('b'));
  });

  it('has images of other variants and architectures under their names', () => {
    assert.deepEqual([choose('debian/12/cloud').root, choose('debian/12/cloud').fingerprint], [null, sum('a')]);
    assert.equal(choose('debian/12', 'arm64').product, 'debian:bookworm:arm64:default');
    assert.equal(choose('debian/12/arm64').product, 'debian:bookworm:arm64:default');
    assert.equal(choose('debian:bookworm:arm64:default').version, '20240105_05:24');
  });

  it('says what it has when it has not got something', () => {
    assert.throws(
      () => choose('debian/99'),
      (error) => isOrlopError(error, 'not-found') && (error.hint ?? '').includes('debian/12/cloud'),
    );
    assert.throws(
      () => choose('suse'),
      (error) => isOrlopError(error, 'not-found') && error.hint === 'it has debian',
    );
    assert.throws(
      () => choose('debian/12', 's390x'),
      (error) => isOrlopError(error, 'not-found') && error.hint === 'it has it for amd64, arm64',
    );
  });

  it('cannot lead us elsewhere or announce nonsense', () => {
    const odd = (change: object): object => ({
      a: { ...debian['debian:bookworm:amd64:cloud'], versions: { 1: { items: { all: { ...file('lxd_combined.tar.gz'), ...change } } } } },
    });
    for (const change of [
      { path: '../x' },
      { path: '/x' },
      { path: 'a/../../x' },
      { path: 'x?y' },
      { sha256: 'x' },
      { size: -1 },
      { size: '7' },
      { ftype: 7 },
    ])
      assert.throws(
        () => chooseImage(parseProducts(list(odd(change)), 'h'), 'debian/12/cloud', { os: 'linux', architecture: 'amd64' }, 'h'),
        (error) => isOrlopError(error, 'not-found'),
      );
    const index = (path: unknown): string => JSON.stringify({ index: { images: { datatype: 'image-downloads', path } } });
    assert.deepEqual(parseStreamIndex(index('streams/v1/images.json'), 'h'), ['streams/v1/images.json']);
    for (const text of ['', '[]', index('http://x/../y'), index(1), '{"index":{}}'])
      assert.throws(
        () => parseStreamIndex(text, 'h'),
        (error) => isOrlopError(error, 'unavailable') && error.message.includes('server h'),
      );
  });

  it('may answer with any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        parseProducts(JSON.stringify({ products: value }), 'h');
        parseProducts(JSON.stringify({ products: { a: value, b: { arch: 'amd64', versions: value } } }), 'h');
      }),
    );
  });
});

describe('remotes', () => {
  const remotes = parseRemotes('{ "remotes": { "lab": { "url": "http://lab.example/" } } }');

  it('are the default one and those of the file', () => {
    assert.deepEqual(remotes, { images: { url: 'https://images.linuxcontainers.org' }, lab: { url: 'http://lab.example' } });
  });

  it('have images whose names here can be told apart', () => {
    const named = (text: string): string | null => {
      const name = parseRemoteName(remotes, text);
      return name === null ? null : localName(name);
    };
    assert.equal(named('images:debian/12'), 'images/debian:12');
    assert.equal(named('images:debian/12/cloud'), 'images/debian:12-cloud');
    assert.equal(named('lab:22.04'), 'lab/22.04:latest');
    assert.equal(named('images:Odd Name//x'), 'images/odd-name:x');
    for (const text of ['debian:12', 'images:', 'images', 'constructor:x', ':x']) assert.equal(named(text), null);
  });

  for (const wrong of [
    '[]',
    '{"remotes":{"A b":{"url":"http://x"}}}',
    '{"remotes":{"a":{"url":"ftp://x"}}}',
    '{"remotes":{"a":{}}}',
    '{"remotes":{"a":{"url":"http://x","x":1}}}',
    '{"x":1}',
  ]) {
    it(`${wrong} is refused`, () => assert.throws(() => parseRemotes(wrong), { code: 'IMAGE_BAD_REMOTES' }));
  }
});
