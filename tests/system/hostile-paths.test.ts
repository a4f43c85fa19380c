import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const token = 'nobody-may-read-this';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Names are sent as they are written here: no client has tidied them. */
describe('no name in a request leads out of the data root', { skip: whyNot() }, () => {
  let engine: TestEngine;
  /** Beside the data root, and a directory of its own for what containers point at. */
  let outside: string;
  let secret: string;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
    outside = mkdtempSync(join(tmpdir(), 'orlop-outside-'));
    secret = join(outside, 'secret');
    writeFileSync(secret, token);
    writeFileSync(join(engine.root, 'secret'), token);
    writeFileSync(join(engine.dataRoot, 'secret'), token);
    await engine.must('run', '-d', '--name', 'box', 'busybox', 'sleep', '1000');
  });
  after(async () => {
    rmSync(outside, { recursive: true, force: true });
    await engine[Symbol.asyncDispose]();
  });

  const ask = (method: string, path: string, body?: object | Buffer): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const isTar = Buffer.isBuffer(body);
      const headers = { 'Content-Type': isTar ? 'application/x-tar' : 'application/json' };
      const sent = request({ socketPath: engine.socket, method, path, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('latin1') }));
      });
      sent.on('error', reject);
      sent.end(isTar ? body : body === undefined ? undefined : JSON.stringify(body));
    });

  const names = (): string[] => {
    const up = relative(join(engine.dataRoot, 'volumes', 'x'), secret);
    return [
      '..',
      '.',
      '../secret',
      '../../secret',
      '../../../secret',
      up,
      secret,
      `box/${up}`,
      'a/../../secret',
      '..\\secret',
      'a\0b',
      'a\nb',
      '-x',
      'x'.repeat(5000),
      '%2e%2e%2fsecret',
    ];
  };
  const snapshot = (): string =>
    JSON.stringify([readdirSync(outside), readFileSync(secret, 'utf8'), readdirSync(engine.root), readdirSync(engine.dataRoot)]);

  const placesOfNames: readonly [method: string, path: (name: string) => string, body?: (name: string) => object][] = [
    ['GET', (name) => `/containers/${name}/json`],
    ['GET', (name) => `/containers/${name}/logs?stdout=1`],
    ['GET', (name) => `/containers/${name}/export`],
    ['DELETE', (name) => `/containers/${name}?force=1`],
    ['GET', (name) => `/exec/${name}/json`],
    ['GET', (name) => `/volumes/${name}`],
    ['DELETE', (name) => `/volumes/${name}?force=0`],
    ['GET', (name) => `/networks/${name}`],
    ['DELETE', (name) => `/networks/${name}`],
    ['GET', (name) => `/images/${name}/json`],
    ['DELETE', (name) => `/images/${name}`],
    ['GET', (name) => `/images/${name}/get`],
    ['GET', (name) => `/distribution/${name}/json`],
    ['POST', (name) => `/images/busybox/tag?repo=${name}`],
    ['POST', (name) => `/containers/create?name=${name}`, () => ({ Image: 'busybox' })],
    ['POST', (name) => `/containers/box/rename?name=${name}`],
    ['POST', () => '/volumes/create', (name) => ({ Name: name })],
    ['POST', () => '/networks/create', (name) => ({ Name: name })],
    ['POST', () => '/containers/create', (name) => ({ Image: name })],
    ['POST', () => '/containers/create', (name) => ({ Image: 'busybox', HostConfig: { Binds: [`${name}:/x`] } })],
    ['POST', () => '/containers/create', (name) => ({ Image: 'busybox', HostConfig: { CgroupParent: `/../${name}` } })],
    ['POST', () => '/containers/create', (name) => ({ Image: 'busybox', HostConfig: { NetworkMode: `container:${name}` } })],
    ['POST', () => '/containers/create', (name) => ({ Image: 'busybox', HostConfig: { VolumesFrom: [name] } })],
  ];

  for (const [method, path, body] of placesOfNames) {
    test(`${method} ${path('NAME')}${body === undefined ? '' : ` ${JSON.stringify(body('NAME'))}`}`, async () => {
      const before = snapshot();
      for (const name of names()) {
        for (const written of new Set([encodeURIComponent(name), encodeURIComponent(name).replaceAll('%2F', '/')])) {
          const answer = await ask(method, path(written), body?.(name));
          const where = `${method} ${path(written)} ${JSON.stringify(body?.(name))}: ${answer.status} ${answer.body.slice(0, 200)}`;
          assert.ok(!answer.body.includes(token), where);
          // A bind of an absolute path is the user's right; anything else is refused in words.
          if (answer.status === 201 && JSON.stringify(body?.(name) ?? {}).includes('"Binds"')) continue;
          if (answer.status >= 300) assert.ok(answer.status < 500 || answer.status === 501 || answer.status === 503, where);
          else
            assert.match(
              where,
              /^(?:GET \/containers\/json|GET \/images\/json|DELETE \/images|POST \/containers\/box\/rename|POST \/images\/busybox\/tag|POST \/networks\/create|POST \/containers\/create)/,
              where,
            );
        }
      }
      assert.equal(snapshot(), before);
      const ids = (await engine.must('ps', '-aq', '--no-trunc')).split('\n');
      const mine = await engine.must('inspect', '-f', '{{.Id}}', 'box');
      for (const id of ids) if (id !== mine) await engine.must('rm', '-f', '-v', id);
    });
  }

  test('links of a container are followed inside it only, when its files are read and written', async () => {
    const before = snapshot();
    await engine.must(
      'exec',
      'box',
      'sh',
      '-c',
      `ln -s ${outside} /way; ln -s ../../../../../../../../..${secret} /up; ln -s ${secret} /file; mkdir /in`,
    );
    for (const path of ['/way/secret', '/up', '/file', '/../../../../../../../..' + secret, `/proc/1/root${secret}`]) {
      const answer = await ask('GET', `/containers/box/archive?path=${encodeURIComponent(path)}`);
      assert.ok(!answer.body.includes(token), path);
      // A link itself may be sent; what it leads to is not there.
      assert.ok(answer.status === 404 || answer.status === 400 || answer.status === 200, `${path}: ${answer.status} ${answer.body}`);
    }
    const tar = tarOf();
    for (const path of ['/way', '/in', '/', '/file', '/up']) {
      const answer = await ask('PUT', `/containers/box/archive?path=${encodeURIComponent(path)}`, tar);
      assert.ok(answer.status < 500, `${path}: ${answer.status} ${answer.body}`);
    }
    assert.equal(snapshot(), before);
  });

  /** Entries that climb, that are absolute, and that come after a link which leads out. */
  const tarOf = (): Buffer => {
    const tree = mkdtempSync(join(tmpdir(), 'orlop-tar-'));
    try {
      mkdirSync(join(tree, 'd'));
      writeFileSync(join(tree, 'd', 'planted'), 'planted');
      symlinkSync(outside, join(tree, 'link'));
      const archive = join(tree, 'all.tar');
      const tar = (...words: string[]): void => void execFileSync('tar', ['-C', tree, '-P', ...words], { stdio: 'ignore' });
      tar('-cf', archive, '--transform', 's|^d/planted|../../../../../../../../..' + outside + '/planted|', 'd/planted');
      tar('-rf', archive, '--transform', `s|^d/planted|${outside}/planted-too|`, 'd/planted');
      tar('-rf', archive, 'link');
      tar('-rf', archive, '--transform', 's|^d/planted|link/planted|', 'd/planted');
      return readFileSync(archive);
    } finally {
      rmSync(tree, { recursive: true, force: true });
    }
  };
});
