import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseLocalOptions, redactOptions } from './local-options.ts';

describe('options of local volumes', () => {
  test('none is a directory', () => assert.deepEqual(parseLocalOptions({}), { mount: null }));

  test('type, device and o are a mount', () => {
    const { mount } = parseLocalOptions({ type: 'nfs', device: ':/share', o: 'addr=10.0.0.1,ro,vers=4' });
    assert.equal(mount?.fstype, 'nfs');
    assert.deepEqual(mount?.options.data, ['addr=10.0.0.1', 'vers=4']);
    assert.equal(mount?.options.own.set, 1);
  });

  test('size is bytes, in powers of 1024', () => {
    for (const [text, bytes] of [
      ['10', 10],
      ['1k', 1024],
      ['1.5G', 1.5 * 2 ** 30],
      ['2 MiB', 2 * 2 ** 20],
    ] as const)
      assert.equal(parseLocalOptions({ size: text }).sizeBytes, bytes);
    assert.deepEqual(parseLocalOptions({ size: '0' }), { mount: null });
  });

  const refused: readonly [Record<string, string>, RegExp][] = [
    [{ tipe: 'x' }, /invalid option: "tipe"/],
    [{ type: 'tmpfs' }, /missing required option: "device"/],
    [{ device: 'tmpfs' }, /missing required option: "type"/],
    [{ o: 'ro' }, /missing required option: "device"/],
    [{ size: 'much' }, /invalid size: "much"/],
    [{ size: '-1' }, /invalid size/],
    [{ type: 'cifs', device: '//server:445/share' }, /port not allowed/],
  ];
  for (const [options, message] of refused) {
    test(`${JSON.stringify(options)} is refused`, () =>
      assert.throws(() => parseLocalOptions(options), { kind: 'invalid-argument', message }));
  }

  test('secrets are taken out of texts', () => {
    assert.equal(
      redactOptions('cifs: username=a,password=b c,credentials=/etc/x,passwd=y)'),
      'cifs: username=a,password=******** c,credentials=********,passwd=********)',
    );
  });
});
