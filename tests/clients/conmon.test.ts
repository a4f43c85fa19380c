import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { openBundles, type Bundles } from './bundles.ts';
import { runtimeProgram, until, whyNoEngine } from './engine-home.ts';

/** What Podman and CRI-O have between themselves and a runtime. */
describe('conmon on orlop-runtime', { skip: whyNoEngine({ conmon: 'conmon' }) }, () => {
  let bundles: Bundles;
  before(() => {
    bundles = openBundles();
  });
  after(() => bundles[Symbol.asyncDispose]());

  /** Runs conmon and gives what it says on its sync pipe: a line each, the pid of what was made or why not. */
  async function conmon(id: string, directory: string, ...flags: string[]): Promise<{ data: number }> {
    mkdirSync(join(directory, 'exits'), { recursive: true });
    const own = ['--api-version', '1', '--sync', '--cid', id, '--cuuid', id, '--name', id, '--bundle', directory];
    const places = [
      '--log-path',
      `k8s-file:${join(directory, 'log')}`,
      '--exit-dir',
      join(directory, 'exits'),
      '--socket-dir-path',
      directory,
    ];
    const runtime = ['--runtime', runtimeProgram];
    const globals = [`--root=${bundles.root}`, `--log=${join(directory, 'oci-log')}`, '--log-format=json'].flatMap((word) => [
      '--runtime-arg',
      word,
    ]);
    const files = ['--container-pidfile', join(directory, 'pidfile'), '--conmon-pidfile', join(directory, 'conmon.pid')];
    const child = spawn('conmon', [...own, ...places, ...runtime, ...globals, ...files, ...flags], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      env: { ...process.env, _OCI_SYNCPIPE: '3' },
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    const pipe = child.stdio[3] as Readable;
    return await new Promise((resolve, reject) => {
      let heard = '';
      child.on('error', reject);
      pipe.setEncoding('utf8').on('data', (more: string) => {
        heard += more;
        if (heard.includes('\n')) resolve(JSON.parse(heard.slice(0, heard.indexOf('\n'))) as { data: number });
      });
      void text(pipe).then(() => reject(new Error(`conmon said nothing whole: ${heard}`)), reject);
    });
  }

  test('it creates, logs, and keeps the exit status', async () => {
    const { id, directory } = bundles.write({ args: ['sh', '-c', 'echo out; echo err >&2; exit 7'] });
    const { data } = await conmon(id, directory);
    assert.equal(readFileSync(join(directory, 'pidfile'), 'utf8'), String(data));
    assert.equal((JSON.parse((await bundles.call('state', id)).stdout) as { pid: number }).pid, data);
    assert.equal((await bundles.call('start', id)).code, 0);
    await until('its exit file', () => Promise.resolve(existsSync(join(directory, 'exits', id))));
    assert.equal(readFileSync(join(directory, 'exits', id), 'utf8'), '7');
    const log = readFileSync(join(directory, 'log'), 'utf8');
    assert.match(log, / stdout F out\n/);
    assert.match(log, / stderr F err\n/);
    assert.equal((await bundles.call('delete', id)).code, 0);
  });

  test('an exec and its terminal', async () => {
    const { id, directory } = bundles.write({ args: ['sleep', '1000'] });
    assert.equal(await bundles.detached('run', '--detach', '--bundle', directory, id), 0);
    const spec = { cwd: '/', env: ['PATH=/bin'], args: ['sh', '-c', 'tty; exit 5'], terminal: true };
    const file = bundles.home.write(`${id}/process.json`, JSON.stringify(spec));
    await conmon(id, directory, '--exec', '--exec-process-spec', file, '--terminal');
    await until('its exit file', () => Promise.resolve(existsSync(join(directory, 'exits', id))));
    assert.equal(readFileSync(join(directory, 'exits', id), 'utf8'), '5');
    assert.match(readFileSync(join(directory, 'log'), 'utf8'), /stdout F \/dev\/pts\/\d+/);
    assert.equal((await bundles.call('delete', '--force', id)).code, 0);
  });

  test('why a container cannot be made comes through', async () => {
    const { id, directory } = bundles.write({ args: ['nothing-there'] });
    assert.ok((await conmon(id, directory)).data < 0);
    const log = readFileSync(join(directory, 'oci-log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; msg: string });
    assert.match(log.find(({ level }) => level === 'error')?.msg ?? '', /nothing-there.*executable file not found in \$PATH/);
  });
});
