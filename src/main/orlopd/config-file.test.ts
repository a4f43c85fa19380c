import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseConfig, readConfigFile } from './config-file.ts';

const parse = (text: string) => parseConfig(text, '/etc/orlop/config.yaml');

describe('the configuration file', () => {
  test('has the names of the flags, in YAML or in JSON', () => {
    const values = { 'data-root': '/srv', sandboxes: '9', tlsverify: true, host: ['fd://', 'tcp://0.0.0.0:2376'] };
    assert.deepEqual(parse('data-root: /srv\nsandboxes: 9\ntlsverify: true\nhost: # two\n  - fd://\n  - tcp://0.0.0.0:2376\n'), values);
    assert.deepEqual(parse(JSON.stringify({ ...values, sandboxes: 9 })), values);
  });

  test('may be empty', () => {
    for (const text of ['', '# nothing\n', '---\n', 'null']) assert.deepEqual(parse(text), {});
  });

  const wrong: readonly [text: string, says: string][] = [
    ['dataroot: /x', 'there is no setting "dataroot"'],
    ['embedded: true', 'there is no setting "embedded"'],
    ['tls: true', 'there is no setting "tls"'],
    ['config-file: /x', 'there is no setting "config-file"'],
    ['host: fd://', 'host must be a list of values'],
    ['host: [[a]]', 'host must be a list of values'],
    ['log-level: [debug]', 'log-level must be one value'],
    ['log-level: yes\nlog-level: no', 'Map keys must be unique'],
    ['tlsverify: "yes"', 'tlsverify must be true or false'],
    ['data-root:', 'data-root must be one value'],
    ['- a', 'it must hold settings'],
    ['text', 'it must hold settings'],
    ['a: [', '/etc/orlop/config.yaml: '],
    ['host: &a [x]\nlog-opt: *a', '/etc/orlop/config.yaml: '],
  ];
  for (const [text, says] of wrong) {
    test(`${JSON.stringify(text)} is refused`, () => {
      assert.throws(
        () => parse(text),
        (error: unknown) =>
          isOrlopError(error, 'invalid-argument') && error.message.startsWith('/etc/orlop/config.yaml: ') && error.message.includes(says),
      );
    });
  }

  test('no text makes it fail in another way', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom('host:', '\n', ' - ', '&a', '*a', '{', '!!set', 'data-root: ', '<<: '));
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          parse(pieces.join(''));
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });

  test('is read from where it is said to be, and has to be there then', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-config-'));
    t.after(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'c.yaml'), 'sandboxes: 2\n');
    assert.deepEqual(readConfigFile(join(directory, 'c.yaml')), { sandboxes: '2' });
    assert.throws(() => readConfigFile(join(directory, 'none.yaml')), { kind: 'failed-precondition', code: 'ORLOPD_CONFIG' });
  });
});
