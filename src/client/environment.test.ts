import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseHost, readTls } from './environment.ts';

test("a flag goes before ORLOP_HOST, and Docker's variables mean another engine", () => {
  const env = { ORLOP_HOST: 'unix:///o', DOCKER_HOST: 'unix:///d', DOCKER_TLS_VERIFY: '1' };
  assert.equal(chooseHost({ host: 'unix:///f' }, env), 'unix:///f');
  assert.equal(chooseHost({}, env), 'unix:///o');
  assert.equal(chooseHost({}, { ...env, ORLOP_HOST: '' }), 'unix:///run/orlop/orlop.sock');
  assert.equal(chooseHost({}, { ORLOP_TLS_VERIFY: '0' }), 'tcp://localhost:2376');
});

test('certificates come from flags or a directory; what was named has to be there', () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-env-'));
  try {
    const env = { ORLOP_TLS_VERIFY: '1', ORLOP_CERT_PATH: directory };
    assert.equal(readTls({}, {}), undefined);
    assert.equal(readTls({ tlsVerify: false }, env), undefined);
    assert.throws(() => readTls({}, env), { code: 'CLIENT_TLS_FILE', message: /ca\.pem cannot be read: ENOENT/ });
    for (const name of ['ca', 'cert', 'key']) writeFileSync(join(directory, `${name}.pem`), name);
    writeFileSync(join(directory, 'other'), 'other');
    assert.deepEqual(readTls({ certFile: join(directory, 'other') }, env), { ca: 'ca', cert: 'other', key: 'key' });
    assert.deepEqual(readTls({ tlsVerify: true }, { HOME: directory }), {});
  } finally {
    rmSync(directory, { recursive: true });
  }
});
