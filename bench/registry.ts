import { createHash, randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../scripts/rooms.ts';
import { openDebianRegistry, whyNoRegistry } from '../tests/clients/debian-registry.ts';
import { startProgram } from '../tests/clients/programs.ts';
import { timeCommand } from './measure.ts';
import type { Row, Series } from './samples.ts';

const blobs = 4;
const blobBytes = 256 << 20;

interface Server extends AsyncDisposable {
  readonly who: string;
  readonly url: string;
}

interface Blob {
  readonly path: string;
  readonly digest: string;
}

/** A gigabyte in four blobs that nothing can compress, pushed to and pulled from a registry by curl, in turns with Docker's. */
export async function registry(scratch: string, rounds: number): Promise<Row[]> {
  await using undo = new AsyncDisposableStack();
  const servers = [undo.use(await openOurs(join(scratch, 'registry')))];
  if (whyNoRegistry() === false) servers.push(undo.use(await openPeer()));
  const content = Array.from({ length: blobs }, (_, at) => makeBlob(join(scratch, `blob${at}`)));
  undo.defer(() => content.forEach(({ path }) => rmSync(path)));
  const [pushes, pulls] = [servers, servers].map((all) => all.map(({ who }) => ({ who, values: [] as number[] })));
  // The first round fills caches and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const [index, server] of servers.entries()) {
      const spent = [await push(server, content), pull(server, content)];
      if (round > 0) for (const [at, series] of [pushes, pulls].entries()) series?.[index]?.values.push(megabytesPerSecond(spent[at] ?? 0));
    }
  }
  const row = (verb: string, series: readonly Series[] = []): Row => ({
    work: `registry: ${verb} 1 GiB in ${blobs} blobs`,
    unit: 'MB/s',
    budget: 'peer/ours <= 1',
    series,
  });
  return [row('push', pushes), row('pull', pulls)];
}

const megabytesPerSecond = (ms: number): number => (blobs * blobBytes) / 1e6 / (ms / 1000);

function makeBlob(path: string): Blob {
  const bytes = randomBytes(blobBytes);
  writeFileSync(path, bytes);
  return { path, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

async function push({ url }: Server, content: readonly Blob[]): Promise<number> {
  let spent = 0;
  for (const { path, digest } of content) {
    const begun = await fetch(`${url}/v2/bench/blobs/uploads/`, { method: 'POST' });
    const location = new URL(begun.headers.get('location') ?? '', url);
    location.searchParams.set('digest', digest);
    spent += timeCommand(['curl', '-sSf', '-H', 'Expect:', '-T', path, location.href]);
  }
  return spent;
}

function pull({ url }: Server, content: readonly Blob[]): number {
  return timeCommand(['curl', '-sSf', ...content.flatMap(({ digest }) => ['-o', '/dev/null', `${url}/v2/bench/blobs/${digest}`])]);
}

async function openOurs(root: string): Promise<Server> {
  const words = [join(projectRoot, 'bin/orlop'), 'registry', 'serve', '--addr', '127.0.0.1:0', '--root', root];
  const program = startProgram(words, { timeoutMs: 3_600_000 });
  await program.said('"message":"ready"');
  const port = /"port":(\d+)/.exec(program.heard.stdout + program.heard.stderr)?.[1];
  return {
    who: 'orlop',
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      program.child.kill('SIGTERM');
      await program.ended;
    },
  };
}

async function openPeer(): Promise<Server> {
  const peer = await openDebianRegistry();
  return { who: 'docker-registry', url: `http://${peer.host}`, [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
}
