import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot, whyNot } from '../system/harness.ts';
import { orlopCommand, runProgram, startProgram, type RunningProgram } from './programs.ts';

const server = [process.execPath, join(projectRoot, 'src/main/registry.ts')];
const mediaType = 'application/vnd.oci.image.manifest.v1+json';

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Serving {
  readonly program: RunningProgram;
  readonly url: string;
}

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-registry-death-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function serve(t: TestContext, command: readonly string[]): Promise<Serving> {
  const program = startProgram(command, { timeoutMs: 300_000 });
  t.after(async () => {
    program.child.kill('SIGKILL');
    await program.ended;
  });
  await program.said('"message":"ready"');
  return { program, url: `http://127.0.0.1:${/"port":(\d+)/.exec(program.heard.stderr)?.[1]}` };
}

const serveRoot = (t: TestContext, root: string): Promise<Serving> =>
  serve(t, [...server, 'serve', '--addr', '127.0.0.1:0', '--root', root]);

async function expectStatus(wanted: number, url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, init);
  assert.equal(answer.status, wanted, await answer.clone().text());
  return answer;
}

/** In chunks, as clients with patience do it. */
async function pushBlob(url: string, bytes: Buffer): Promise<object> {
  const digest = digestOf(bytes);
  let { headers } = await expectStatus(202, `${url}/v2/a/blobs/uploads/`, { method: 'POST' });
  const half = bytes.length >> 1;
  for (const body of [bytes.subarray(0, half), bytes.subarray(half)])
    ({ headers } = await expectStatus(202, new URL(headers.get('location') ?? '', url).href, { method: 'PATCH', body }));
  await expectStatus(201, `${new URL(headers.get('location') ?? '', url).href}?digest=${digest}`, { method: 'PUT' });
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length };
}

async function pushImage(url: string, tag: string, layers: readonly Buffer[]): Promise<void> {
  const config = await pushBlob(url, Buffer.from('{}'));
  const described = await Promise.all(layers.map((layer) => pushBlob(url, layer)));
  const body = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: described });
  await expectStatus(201, `${url}/v2/a/manifests/${tag}`, { method: 'PUT', body, headers: { 'content-type': mediaType } });
}

async function pullImage(url: string, tag: string): Promise<void> {
  const manifest = (await (await expectStatus(200, `${url}/v2/a/manifests/${tag}`, {})).json()) as { layers: { digest: string }[] };
  for (const { digest } of manifest.layers) {
    const bytes = await (await expectStatus(200, `${url}/v2/a/blobs/${digest}`, {})).arrayBuffer();
    assert.equal(digestOf(new Uint8Array(bytes)), digest);
  }
}

test('a server that is killed in the middle of pushes loses nothing that it has acknowledged', async (t) => {
  const root = join(makeFolder(t), 'root');
  const layers = Array.from({ length: 3 }, () => randomBytes(600_000));
  const acknowledged: string[] = [];
  for (let round = 0; round < 6; round++) {
    const { program, url } = await serveRoot(t, root);
    const push = async (lane: number): Promise<void> => {
      for (let at = 0; ; at++) {
        const tag = `r${round}-${lane}-${at}`;
        await pushImage(url, tag, [...layers, randomBytes(200_000)]);
        acknowledged.push(tag);
      }
    };
    const pushing = Promise.allSettled([push(0), push(1)]);
    const delayMs = 20 + Math.floor(Math.random() * 400);
    await sleep(delayMs);
    program.child.kill('SIGKILL');
    await Promise.all([program.ended, pushing]);
    const check = await runProgram([...server, 'check', '--root', root]);
    assert.equal(check.code, 0, `killed after ${delayMs} ms: ${check.stderr}`);
  }
  const { url } = await serveRoot(t, root);
  await pushImage(url, 'again', layers);
  for (const tag of [...acknowledged, 'again']) await pullImage(url, tag);
});

test('a full disk refuses an upload, and what is given up makes room again', { skip: whyNot() }, async (t) => {
  const folder = makeFolder(t);
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const script = 'mount -t tmpfs -o size=12m none "$1" && shift && exec "$@"';
  const words = [...server, 'serve', '--addr', '127.0.0.1:0', '--root', join(disk, 'root')];
  // A mount of its own namespace goes with the server.
  const { url, program } = await serve(t, ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', disk, ...words]);
  await pushImage(url, 'before', [randomBytes(2 << 20)]);
  const begun = await expectStatus(202, `${url}/v2/a/blobs/uploads/`, { method: 'POST' });
  const upload = new URL(begun.headers.get('location') ?? '', url).href;
  let status = 202;
  for (let chunk = 0; chunk < 30 && status === 202; chunk++)
    ({ status } = await fetch(upload, { method: 'PATCH', body: randomBytes(1 << 20) }));
  assert.equal(status, 507);
  assert.match(program.heard.stderr, /ENOSPC/);
  await pullImage(url, 'before');
  await assert.rejects(pushBlob(url, randomBytes(2 << 20)));
  await expectStatus(204, upload, { method: 'DELETE' });
  await expectStatus(202, `${url}/v2/a/manifests/before`, { method: 'DELETE' });
  await pushImage(url, 'after', [randomBytes(2 << 20)]);
  await pullImage(url, 'after');
});

test('a server that is told to stop ends its downloads and then itself, with success', async (t) => {
  const words = ['registry', 'serve', '--addr', '127.0.0.1:0', '--root', join(makeFolder(t), 'root')];
  const { program, url } = await serve(t, [...orlopCommand, ...words]);
  const bytes = randomBytes(24 << 20);
  await pushBlob(url, bytes);
  const [answer] = (await once(get(`${url}/v2/a/blobs/${digestOf(bytes)}`), 'response')) as [IncomingMessage];
  program.child.kill('SIGTERM');
  await program.said('"message":"stopping"');
  await assert.rejects(fetch(`${url}/v2/`));
  const hash = createHash('sha256');
  for await (const chunk of answer) hash.update(chunk as Buffer);
  assert.equal(`sha256:${hash.digest('hex')}`, digestOf(bytes));
  assert.equal((await program.ended).code, 0, program.heard.stderr);
});
