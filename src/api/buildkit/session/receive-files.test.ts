import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PassThrough } from 'node:stream';
import type { SentFile } from '#wire';
import type { Metadata, OpenCall } from '../grpc/client.ts';
import { packetKinds, packetType, type Stat } from '../messages/session.ts';
import { offerFiles, receiveFiles, type WantedFiles } from './receive-files.ts';
import { sendFiles } from './send-files.ts';
import type { ClientSession } from './sessions.ts';

type Packet = Parameters<typeof packetType.encode>[0];

/** A client that answers packets as it is told; what it was asked is kept. */
function clientOf(
  answer: (packet: ReturnType<typeof packetType.decode>, say: (packet: Packet) => void, end: () => void) => void,
  first: readonly Packet[] = [],
) {
  const heard: Packet[] = [];
  let metadata: Metadata = {};
  const out = new PassThrough({ objectMode: true });
  const say = (packet: Packet): void => void out.write(packetType.encode(packet));
  const call: OpenCall = {
    messages: out,
    async send(message) {
      const packet = packetType.decode(message);
      heard.push(packet);
      answer(packet, say, () => out.end());
    },
    end: () => undefined,
    cancel: () => void out.destroy(),
  };
  for (const packet of first) say(packet);
  const session = {
    id: 's',
    sharedKey: 'src:1',
    offers: () => true,
    services: { open: (_path: string, given: Metadata) => ((metadata = given), call) },
  } as unknown as ClientSession;
  return { session, heard, metadata: () => metadata };
}

const stat = (path: string, more: Partial<Stat> = {}): Packet => ({
  type: packetKinds.stat,
  stat: { path, mode: 0o644, uid: 5, gid: 5, size: 0, mtimeNs: 0n, linkName: '', major: 0, minor: 0, xattrs: {}, ...more },
});
const lastStat: Packet = { type: packetKinds.stat };
const data = (id: number, text: string): Packet => ({ type: packetKinds.data, id, data: Buffer.from(text) });
const directory = 0x8000_0000 + 0o755;
const link = 0x0800_0000 + 0o777;

/** Sends stats, then the content of whatever is asked for. */
function sender(packets: readonly Packet[], contents: Readonly<Record<number, readonly string[]>>) {
  return clientOf((packet, say, end) => {
    if (packet.type === packetKinds.request) {
      for (const piece of contents[packet.id] ?? []) say(data(packet.id, piece));
      say({ type: packetKinds.data, id: packet.id });
    }
    if (packet.type === packetKinds.finish) {
      say({ type: packetKinds.finish });
      end();
    }
  }, packets);
}

async function receiveAll(
  session: ClientSession,
  wanted: Partial<WantedFiles> = {},
): Promise<(Pick<SentFile, 'path' | 'type' | 'mode' | 'target'> & { text: string })[]> {
  const found = [];
  for await (const { path, type, mode, target, content, sizeBytes } of receiveFiles(
    session,
    { directory: 'context', ...wanted },
    new AbortController().signal,
  )) {
    const parts = [];
    for await (const part of content) parts.push(part);
    const text = Buffer.concat(parts).toString();
    assert.equal(text.length, sizeBytes);
    found.push({ path, type, mode, target, text });
  }
  return found;
}

describe('files that a client sends', () => {
  test('come in its order, with what it says of each', async () => {
    const { session, heard } = sender(
      [
        stat('a', { size: 3 }),
        stat('d', { mode: directory }),
        stat('d/b', { size: 2, mode: 0x0080_0000 + 0o755 }),
        stat('d/l', { mode: link, linkName: '../a' }),
        stat('e', { linkName: 'a' }),
        lastStat,
      ],
      { 0: ['xy', 'z'], 2: ['12'] },
    );
    assert.deepEqual(await receiveAll(session), [
      { path: 'a', type: 'file', mode: 0o644, target: '', text: 'xyz' },
      { path: 'd', type: 'directory', mode: 0o755, target: '', text: '' },
      { path: 'd/b', type: 'file', mode: 0o4755, target: '', text: '12' },
      { path: 'd/l', type: 'symlink', mode: 0o777, target: '../a', text: '' },
      { path: 'e', type: 'link', mode: 0o644, target: 'a', text: '' },
    ]);
    assert.deepEqual(
      heard.map(({ type }) => type),
      [packetKinds.request, packetKinds.request, packetKinds.finish],
    );
  });

  test('are told of first where they may be here already, and only what is wanted is asked for', async () => {
    const now = BigInt(Date.now()) * 1_000_000n;
    const { session, heard } = sender(
      [stat('a', { size: 1 }), stat('b', { size: 1 }), stat('c', { size: 1, mtimeNs: now }), stat('d', { linkName: 'a' }), lastStat],
      { 0: ['a'], 1: ['b'], 2: ['c'] },
    );
    const offered = offerFiles(session, { directory: 'context' }, new AbortController().signal);
    assert.ok('list' in offered);
    const listed = await Array.fromAsync(offered.list());
    assert.deepEqual(
      listed.map(({ path, stamp }) => [path, stamp !== '']),
      [
        ['a', true],
        ['b', true],
        ['c', false],
        ['d', true],
      ],
    );
    const taken = [];
    for await (const { path, content } of offered.take([1, 3]).files)
      taken.push([path, Buffer.concat(await Array.fromAsync(content)).toString()]);
    assert.deepEqual(taken, [
      ['b', 'b'],
      ['d', ''],
    ]);
    assert.deepEqual(
      heard.map(({ type, id }) => [type, id]),
      [
        [packetKinds.request, 1],
        [packetKinds.finish, 0],
      ],
    );
  });

  test('may have changed their size when they are small', async () => {
    const { session } = sender([stat('grown', { size: 1 }), stat('shrunk', { size: 9 }), lastStat], { 0: ['four'], 1: ['one'] });
    assert.deepEqual(
      (await receiveAll(session)).map(({ text }) => text),
      ['four', 'one'],
    );
  });

  test('that are large and shrink are said to have changed', async () => {
    const { session } = sender([stat('large', { size: 64 * 1024 * 1024 }), lastStat], { 0: ['short'] });
    await assert.rejects(receiveAll(session), { code: 'BUILDKIT_FILE_CHANGED' });
  });

  test('are asked for by patterns, escaped when these are not plain', async () => {
    const { session, metadata } = sender([lastStat], {});
    await receiveAll(session, { exclude: ['node_modules', '!ä b'], follow: ['Dockerfile'] });
    assert.deepEqual(metadata(), {
      'dir-name': ['context'],
      'exclude-patterns': ['node_modules', '!%C3%A4+b'],
      'exclude-patterns-encoded': ['1'],
      followpaths: ['Dockerfile'],
    });
  });

  test('a client that keeps no order is refused', async () => {
    const cases: readonly (readonly Packet[])[] = [
      [data(0, 'x'), lastStat],
      [stat('a', { size: 1 }), { type: 9 }, lastStat],
      [stat('a', { size: 1 }), { type: packetKinds.finish }],
    ];
    for (const packets of cases) await assert.rejects(receiveAll(sender(packets, {}).session), { code: 'BUILDKIT_BAD_FILES' });
  });

  test('content without end is not taken into memory', async () => {
    const { session } = clientOf(
      (packet, say) => {
        if (packet.type === packetKinds.request)
          for (let piece = 0; piece < 40; piece++) say({ type: packetKinds.data, id: 0, data: Buffer.alloc(1024 * 1024) });
      },
      [stat('endless', { size: 1 }), lastStat],
    );
    await assert.rejects(receiveAll(session), { code: 'BUILDKIT_BAD_FILES' });
  });

  test("a client's own error is told", async () => {
    const { session } = clientOf(() => undefined, [{ type: packetKinds.error, data: Buffer.from('permission denied') }]);
    await assert.rejects(receiveAll(session), /the client: permission denied/);
  });

  test('a client that ends too early is noticed', async () => {
    const { session } = clientOf((_packet, _say, end) => end(), [stat('a', { size: 1 })]);
    await assert.rejects(receiveAll(session), { code: 'BUILDKIT_BAD_FILES' });
  });
});

describe('files that are handed out', () => {
  test('are told of one by one, and their content follows when it is asked for', async () => {
    let asked = 0;
    const told: Packet[] = [];
    const { session } = clientOf((packet, say, end) => {
      told.push(packet);
      if (packet.type === packetKinds.stat && packet.stat === undefined) say({ type: packetKinds.finish });
      else if (packet.type === packetKinds.stat && packet.stat !== undefined && packet.stat.mode < 0o1000)
        say({ type: packetKinds.request, id: asked });
      if (packet.type === packetKinds.stat) asked++;
      if (packet.type === packetKinds.finish) end();
    });
    const file = { mode: 0o755, mtimeNs: 1n, target: '', major: 0, minor: 0, xattrs: {}, sizeBytes: 0 };
    async function* files(): AsyncGenerator<SentFile> {
      yield { ...file, path: 'd', type: 'directory', content: textOf('') };
      yield { ...file, path: 'd/f', type: 'file', sizeBytes: 3, content: textOf('abc') };
    }
    await sendFiles(session, files(), 0, new AbortController().signal);
    const texts = told.filter(({ type }) => type === packetKinds.data).map(({ data: piece = '' }) => Buffer.from(piece).toString());
    assert.deepEqual(texts, ['abc', '']);
    assert.equal(told.at(-1)?.type, packetKinds.finish);
  });
});

async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
