import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { recordWith } from '../fixtures/records.ts';
import { attributesOf, formatAttributes } from './attributes.ts';
import { parseLogConfig } from './config.ts';

function chosen(options: Record<string, string>) {
  const record = recordWith({ labels: { l1: 'v1', l2: 'v&=2', other: 'x' }, name: 'web', hostname: 'box' });
  const process = { ...record.process, env: ['FOO=1', 'BAR=a b', 'BAZ', 'EQ=a=b'], entrypoint: ['sh'], command: ['-c', 'true'] };
  return attributesOf({ ...record, process }, parseLogConfig({ driver: 'json-file', options }).wishes);
}

test('nothing is told unless it is asked for', () => assert.deepEqual(chosen({}), {}));

test('labels and variables are told by name and by pattern, in the order of names', () => {
  const attributes = chosen({ labels: 'l1,none', 'labels-regex': '^l2', env: 'FOO', 'env-regex': '^(BA|EQ)' });
  assert.deepEqual(Object.entries(attributes), [
    ['BAR', 'a b'],
    ['BAZ', ''],
    ['EQ', 'a=b'],
    ['FOO', '1'],
    ['l1', 'v1'],
    ['l2', 'v&=2'],
  ]);
});

test('a tag is filled in', () => {
  const { id, image } = recordWith();
  assert.equal(chosen({ tag: '{{.Name}}/{{ .ID }}' })['tag'], `web/${id.slice(0, 12)}`);
  assert.equal(chosen({ tag: '{{.FullID}} {{.ImageName}} {{.ImageFullID}}' })['tag'], `${id} ${image.name} ${image.id}`);
  assert.equal(chosen({ tag: '{{.Command}}, {{.Hostname}}, {{.ContainerName}}' })['tag'], 'sh -c true, box, /web');
  assert.equal(chosen({ tag: 'plain' })['tag'], 'plain');
});

test('they are written as Docker writes them, or refused when each line would grow by too much', () => {
  assert.equal(formatAttributes({}), '');
  assert.equal(formatAttributes({ a: '<&>"\u2028' }), String.raw`,"attrs":{"a":"\u003c\u0026\u003e\"\u2028"}`);
  assert.equal(Buffer.byteLength(formatAttributes({ a: 'x'.repeat(8192 - 17) })), 8192);
  assert.throws(
    () => formatAttributes({ a: 'x'.repeat(8192 - 16) }),
    (error) => isOrlopError(error, 'invalid-argument') && error.code === 'ENGINE_LOG_ATTRIBUTES_TOO_LONG',
  );
});
