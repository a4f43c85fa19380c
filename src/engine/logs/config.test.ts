import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { mergeLogConfig, parseLogConfig, type LogDriver, type Retention } from './config.ts';

const hourNs = 3_600_000_000_000n;
const jsonFile: Retention = { sizeBytes: 10_000_000, ageNs: 168n * hourNs, files: 3, compress: false };
const local: Retention = { sizeBytes: 20_000_000, ageNs: 168n * hourNs, files: 5, compress: true };

describe('what a log keeps', () => {
  const cases: readonly [driver: LogDriver, options: Record<string, string>, retention: Retention][] = [
    ['json-file', {}, jsonFile],
    ['local', {}, local],
    ['json-file', { 'max-size': '10m' }, { ...jsonFile, sizeBytes: 10_000_000 }],
    ['json-file', { 'max-size': '1.5k' }, { ...jsonFile, sizeBytes: 1500 }],
    ['json-file', { 'max-size': '2 GiB' }, { ...jsonFile, sizeBytes: 2_000_000_000 }],
    ['json-file', { 'max-size': '77' }, { ...jsonFile, sizeBytes: 77 }],
    ['json-file', { 'max-size': '-1', 'max-age': '-1' }, { ...jsonFile, sizeBytes: 0, ageNs: 0n }],
    ['json-file', { 'max-file': '1' }, { ...jsonFile, files: 1 }],
    ['json-file', { compress: 'true', 'max-file': '7' }, { ...jsonFile, files: 7, compress: true }],
    ['json-file', { 'max-age': '36h' }, { ...jsonFile, ageNs: 36n * hourNs }],
    ['json-file', { 'max-age': '2d', mode: 'blocking' }, { ...jsonFile, ageNs: 48n * hourNs }],
    ['local', { 'max-file': '1' }, { ...local, files: 1, compress: false }],
    ['local', { compress: 'f' }, { ...local, compress: false }],
  ];
  for (const [driver, options, retention] of cases) {
    test(`of ${driver} with ${JSON.stringify(options)}`, () => assert.deepEqual(parseLogConfig({ driver, options }).retention, retention));
  }
});

test('what may wait for the disk', () => {
  const bufferOf = (options: Record<string, string>): number | null => parseLogConfig({ driver: 'local', options }).bufferBytes;
  assert.equal(bufferOf({}), null);
  assert.equal(bufferOf({ mode: 'blocking' }), null);
  assert.equal(bufferOf({ mode: 'non-blocking' }), 1_000_000);
  assert.equal(bufferOf({ mode: 'non-blocking', 'max-buffer-size': '4m' }), 4 * 1024 * 1024);
  assert.equal(bufferOf({ mode: 'non-blocking', 'max-buffer-size': '0' }), 0);
});

describe('refused in the words that clients know', () => {
  const cases: readonly [driver: string, options: Record<string, string>, message: string][] = [
    ['foo', {}, 'error looking up logging plugin foo: plugin "foo" not found'],
    ['syslog', {}, 'error looking up logging plugin syslog: plugin "syslog" not found'],
    ['json-file', { foo: 'bar' }, "unknown log opt 'foo' for json-file log driver"],
    ['local', { labels: 'a' }, "unknown log opt 'labels' for log driver local"],
    ['none', { 'max-size': '1k' }, "unknown log opt 'max-size' for none log driver"],
    ['json-file', { 'max-size': 'foo' }, "failed to initialize logging driver: invalid size: 'foo'"],
    ['json-file', { 'max-size': '0' }, 'failed to initialize logging driver: max-size must be a positive number'],
    ['json-file', { 'max-size': '9999999t' }, 'failed to initialize logging driver: max-size must be a positive number'],
    ['json-file', { 'max-file': '0' }, 'failed to initialize logging driver: max-file cannot be less than 1'],
    ['json-file', { 'max-file': 'x' }, 'failed to initialize logging driver: invalid max-file: "x" is not a number'],
    ['json-file', { 'max-age': '3' }, "failed to initialize logging driver: invalid age: '3'"],
    ['json-file', { 'max-age': '0s' }, "failed to initialize logging driver: invalid age: '0s'"],
    ['json-file', { compress: 'maybe' }, 'failed to initialize logging driver: invalid compress: "maybe" is neither true nor false'],
    [
      'json-file',
      { compress: 'true', 'max-file': '1' },
      'failed to initialize logging driver: compress cannot be true when max-file is less than 2',
    ],
    ['json-file', { mode: 'foo' }, 'logger: logging mode not supported: foo'],
    ['json-file', { 'max-buffer-size': '4m' }, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
    ['local', { 'max-buffer-size': '4m', mode: 'blocking' }, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
    ['json-file', { mode: 'non-blocking', 'max-buffer-size': 'foo' }, "error parsing option max-buffer-size: invalid size: 'foo'"],
    ['json-file', { mode: 'non-blocking', 'max-buffer-size': '-1' }, "error parsing option max-buffer-size: invalid size: '-1'"],
    ['none', { mode: 'non-blocking' }, "unknown log opt 'mode' for none log driver"],
    ['json-file', { 'env-regex': '(' }, 'failed to initialize logging driver: error parsing regexp: `(`'],
    ['json-file', { tag: '{{.Foo}}' }, 'the log tag "{{.Foo}}" cannot be filled in: Foo is no field'],
    ['json-file', { tag: 'x{{' }, 'the log tag "x{{" cannot be filled in: {{ is no field'],
  ];
  for (const [driver, options, message] of cases) {
    test(`${driver} with ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => parseLogConfig({ driver, options }),
        (error) => isOrlopError(error) && error.kind === 'invalid-argument' && error.message === message,
      );
    });
  }
});

test("the engine's options are for its own driver, and give way to what is asked for", () => {
  const standard = { driver: 'json-file', options: { 'max-size': '1m', 'max-file': '2' } };
  assert.deepEqual(mergeLogConfig(undefined, standard), standard);
  assert.deepEqual(mergeLogConfig({ driver: '', options: { 'max-file': '5' } }, standard).options, { 'max-size': '1m', 'max-file': '5' });
  assert.deepEqual(mergeLogConfig({ driver: 'json-file', options: {} }, standard), standard);
  assert.deepEqual(mergeLogConfig({ driver: 'local', options: {} }, standard), { driver: 'local', options: {} });
});
