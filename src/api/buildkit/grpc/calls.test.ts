import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { OrlopError } from '#errors';
import { createLogger } from '#log';
import { integer, message, one, text } from '../protobuf/message.ts';
import { type GrpcClient, openGrpcClient } from './client.ts';
import { type GrpcMethod, PlacedError, serveGrpc, streamed, unary } from './serve.ts';
import { statusType } from './status.ts';

const wordType = message({ word: one(1, text), count: one(2, integer) });
const types = { request: wordType, response: wordType };
const never = new AbortController().signal;
const logger = createLogger({ level: 'error' });

interface Pair {
  readonly client: GrpcClient;
  readonly sockets: readonly [client: Socket, server: Socket];
}

describe('calls', () => {
  const server = createServer({ allowHalfOpen: true });
  after(() => server.close());
  let given: AbortSignal | null = null;
  const methods = new Map<string, GrpcMethod>([
    ['/s/Echo', unary(wordType, wordType, ({ word }) => ({ word }))],
    [
      '/s/Fail',
      unary(wordType, wordType, () => {
        throw new OrlopError('failed-precondition', 'TEST_FAILED', 'it is 100 % über', { hint: 'do not' });
      }),
    ],
    [
      '/s/Place',
      unary(wordType, wordType, () => {
        throw new PlacedError(new OrlopError('internal', 'BUILD_X', 'bad'), { name: 'Dockerfile', text: 'FROM x\n', first: 1, last: 1 });
      }),
    ],
    [
      '/s/Count',
      streamed(wordType, wordType, function* ({ count }) {
        for (let at = 0; at < count; at++) yield { count: at, word: 'x'.repeat(1000) };
      }),
    ],
    [
      '/s/Hang',
      async ({ signal }) => {
        given = signal;
        await once(signal, 'abort');
      },
    ],
  ]);

  async function open(): Promise<Pair & Disposable> {
    if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
    const accepted = once(server, 'connection');
    const ours = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [theirs] = (await accepted) as [Socket];
    theirs.on('error', () => theirs.destroy());
    void serveGrpc(theirs, methods, logger);
    const client = openGrpcClient(ours, logger);
    return { client, sockets: [ours, theirs], [Symbol.dispose]: () => client.close() };
  }

  const failure = async (work: Promise<unknown>): Promise<OrlopError> => {
    try {
      await work;
    } catch (error) {
      if (error instanceof OrlopError) return error;
      throw error;
    }
    throw new Error('it has not failed');
  };

  test('are answered, many at once', async () => {
    using pair = await open();
    const words = Array.from({ length: 50 }, (_, index) => `word ${index}`);
    const answers = await Promise.all(words.map((word) => pair.client.ask('/s/Echo', types, { word }, never)));
    assert.deepEqual(
      answers.map(({ word }) => word),
      words,
    );
  });

  test('come in pieces, at the pace of who reads', async () => {
    using pair = await open();
    const call = pair.client.open('/s/Count', {}, never);
    await call.send(wordType.encode({ count: 3000 }));
    call.end();
    let count = 0;
    for await (const piece of call.messages) assert.equal(wordType.decode(piece).count, count++);
    assert.equal(count, 3000);
  });

  test('that fail tell why, in all letters', async () => {
    using pair = await open();
    const { kind, message: words } = await failure(pair.client.ask('/s/Fail', types, {}, never));
    assert.deepEqual({ kind, words }, { kind: 'failed-precondition', words: 'it is 100 % über: do not' });
    assert.equal((await failure(pair.client.ask('/s/None', types, {}, never))).kind, 'unimplemented');
    assert.equal((await pair.client.ask('/s/Echo', types, { word: 'still here' }, never)).word, 'still here');
  });

  test("that are about a Dockerfile carry BuildKit's description of the place", async () => {
    using pair = await open();
    const { details = {} } = await failure(pair.client.ask('/s/Place', types, {}, never));
    const [detail] = statusType.decode(Buffer.from(String(details['status']), 'base64')).details;
    assert.equal(detail?.typeUrl, 'github.com/moby/buildkit/errdefs.Source+json');
    const { info, ranges } = JSON.parse(Buffer.from(detail?.value ?? []).toString()) as { info: { data: string }; ranges: unknown };
    assert.equal(Buffer.from(info.data, 'base64').toString(), 'FROM x\n');
    assert.deepEqual(ranges, [{ start: { line: 1 }, end: { line: 1 } }]);
  });

  test('that are given up end at the other end, too', async () => {
    using pair = await open();
    const controller = new AbortController();
    const asked = failure(pair.client.ask('/s/Hang', types, {}, controller.signal));
    await pair.client.ask('/s/Echo', types, {}, never);
    controller.abort();
    assert.equal((await asked).kind, 'cancelled');
    if (given?.aborted === false) await once(given, 'abort');
  });

  for (const how of ['end', 'destroy'] as const) {
    test(`a connection that the client ${how}s ends its calls and tells who asks`, async () => {
      using pair = await open();
      const asked = failure(pair.client.ask('/s/Hang', types, {}, never));
      await pair.client.ask('/s/Echo', types, {}, never);
      const hanging = given;
      pair.sockets[1][how]();
      assert.equal((await asked).code, 'BUILDKIT_CLIENT_LEFT');
      if (hanging?.aborted === false) await once(hanging, 'abort');
      if (!pair.client.closed.aborted) await once(pair.client.closed, 'abort');
      assert.equal((await failure(pair.client.ask('/s/Echo', types, {}, never))).code, 'BUILDKIT_CLIENT_LEFT');
    });
  }
});
