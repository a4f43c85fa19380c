import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { connect } from '#client';
import { projectRoot, runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';
import { makeCertificates } from './certificates.ts';
import { freePort } from './free-port.ts';

function isThere(program: string): boolean {
  return spawnSync(program, ['version'], { stdio: 'ignore' }).error === undefined;
}

const missing = whyNot() || (isThere('openssl') ? false : 'needs openssl');

describe('an engine on a port, with certificates on both sides', { skip: missing }, () => {
  let engine: TestEngine;
  let host: string;
  let port: number;
  let root: string;
  const at = (name: string): string => join(root, name);
  const pem = (name: string): string => readFileSync(at(name), 'utf8');
  const trusted = (): { ca: string; cert: string; key: string } => ({ ca: pem('ca.pem'), cert: pem('cert.pem'), key: pem('key.pem') });
  const files = (): string[] => ['--tlsverify', '--tlscacert', at('ca.pem'), '--tlscert', at('cert.pem'), '--tlskey', at('key.pem')];
  const orlop = (input: string, ...words: string[]): Promise<Outcome> =>
    runCommand(join(projectRoot, 'bin/orlop'), ['-H', host, ...files(), ...words], { input });
  const docker = (input: string, ...words: string[]): Promise<Outcome> =>
    runCommand('docker', ['-H', host, ...files(), ...words], { input });

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'orlop-port-'));
    makeCertificates(root);
    // As Docker's clients have them.
    for (const [from, to] of [
      ['ca.crt', 'ca.pem'],
      ['client.crt', 'cert.pem'],
      ['client.key', 'key.pem'],
    ] as const)
      renameSync(at(from), at(to));
    port = await freePort();
    host = `tcp://localhost:${port}`;
    const serving = ['--tlsverify', '--tlscacert', at('ca.pem'), '--tlscert', at('server.crt'), '--tlskey', at('server.key')];
    engine = await startEngine(['-H', `tcp://127.0.0.1:${port}`, ...serving]);
    await engine.must('template', 'build', '-q', 'busybox');
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });

  const run = ['run', '--rm', '-i', 'busybox', 'sh', '-c', 'cat; echo; echo err >&2; exit 6'];
  for (const [name, program] of [
    ['orlop', orlop],
    ['docker', docker],
  ] as const) {
    describe(`${name} over it`, { skip: name === 'docker' && !isThere('docker') ? 'docker is not installed' : false }, () => {
      test('runs with all streams, to the end of its input and with the exit code', async () => {
        assert.deepEqual(await program('in', ...run), { code: 6, stdout: 'in\n', stderr: 'err\n' });
        const large = 'x'.repeat(3_000_000);
        const { stdout, code } = await program(large, 'run', '--rm', '-i', 'busybox', 'cat');
        assert.equal(code, 0);
        assert.ok(stdout === large, `${stdout.length} bytes came back`);
      });

      test('enters containers and follows their logs', async () => {
        await engine.must(
          'run',
          '-d',
          '--name',
          'box',
          'busybox',
          'sh',
          '-c',
          'echo one; while [ ! -e /go ]; do sleep 0.1; done; echo two',
        );
        const following = program('', 'logs', '-f', 'box');
        assert.deepEqual(await program('word', 'exec', '-i', 'box', 'sh', '-c', 'cat; touch /go; exit 3'), {
          code: 3,
          stdout: 'word',
          stderr: '',
        });
        assert.deepEqual(await following, { code: 0, stdout: 'one\ntwo\n', stderr: '' });
        await engine.must('rm', 'box');
      });
    });
  }

  test('addresses and certificates come from the environment', async () => {
    const program = join(projectRoot, 'bin/orlop');
    const env = { ORLOP_HOST: host, ORLOP_TLS_VERIFY: '1', ORLOP_CERT_PATH: root };
    assert.equal((await runCommand(program, ['ps', '-q'], { env })).code, 0);
    const plain = await runCommand(program, ['-H', host, 'ps'], { env: { HOME: root } });
    assert.equal(plain.code, 1);
    assert.match(plain.stderr, /is refused without TLS/);
  });

  test('programs reach it with the library', async () => {
    using client = connect({ host, tls: trusted() });
    assert.deepEqual(await client.containers.list(), []);
    // A second connection for what goes on beside it, and the first again.
    await Promise.all([client.info(), client.containers.list()]);
  });

  test('who has no certificate of the authority is turned away, and who does not trust the engine goes', async () => {
    const other = mkdtempSync(join(tmpdir(), 'orlop-port-other-'));
    makeCertificates(other);
    const strange = (name: string): string => readFileSync(join(other, name), 'utf8');
    using nameless = connect({ host, tls: { ca: pem('ca.pem') } });
    await assert.rejects(nameless.info(), { code: 'CLIENT_NO_PERMISSION' });
    using stranger = connect({ host, tls: { ca: pem('ca.pem'), cert: strange('client.crt'), key: strange('client.key') } });
    await assert.rejects(stranger.info(), { code: 'CLIENT_NO_PERMISSION' });
    using distrustful = connect({ host, tls: { ...trusted(), ca: strange('ca.crt') } });
    await assert.rejects(distrustful.info(), { code: 'CLIENT_ENGINE_DISTRUSTED' });
    using misled = connect({ host: `tcp://127.0.0.1:${port}`, tls: trusted() });
    await assert.rejects(misled.info(), { code: 'CLIENT_ENGINE_DISTRUSTED' });
    const outcome = await runCommand(join(projectRoot, 'bin/orlop'), ['-H', host, '--tlsverify', '--tlscacert', at('ca.pem'), 'ps'], {
      env: { HOME: other },
    });
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /does not take our certificate/);
    rmSync(other, { recursive: true, force: true });
  });

  test('what is no TLS, or an old one, gets nowhere', async () => {
    const talk = async (): Promise<string> => {
      const socket = connectSocket({ host: '127.0.0.1', port });
      socket.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
      let heard = '';
      for await (const chunk of socket) heard += String(chunk);
      return heard;
    };
    assert.doesNotMatch(await talk().catch(() => ''), /HTTP\/1\.1 200/);
    const old = connectTls({ host: '127.0.0.1', port, ...trusted(), servername: 'localhost', maxVersion: 'TLSv1.1', minVersion: 'TLSv1' });
    await assert.rejects(once(old, 'secureConnect'));
  });
});
