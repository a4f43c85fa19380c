import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode, encode } from 'dns-packet';
import { isRejected, parseQuery, type Query } from './message.ts';
import { a, openFakeServer, respond } from './testing/fake-server.ts';
import { askServers, type AskOptions } from './upstream.ts';

const truncated = 0x0200;

function question(name: string): Query {
  const query = parseQuery(encode({ id: 77, flags: 0x0100, questions: [{ name, type: 'A', class: 'IN' }] }));
  assert.ok(query !== null && !isRejected(query));
  return query;
}

/** The addresses, or the code of an answer without, or null. */
async function ask(servers: readonly string[], port: number, change: Partial<AskOptions> = {}): Promise<unknown> {
  const abort = new AbortController();
  try {
    const patience = { timeoutMs: 10_000, attempts: 1, isStream: false };
    const message = await askServers(question('example.org'), {
      servers: servers.map((address) => ({ address })),
      port,
      signal: abort.signal,
      ...patience,
      ...change,
    });
    if (message === null) return null;
    const data = (decode(message).answers ?? []).map((answer) => ('data' in answer ? answer.data : null));
    return data.length > 0 ? data : message.readUInt16BE(2) & 0xf;
  } finally {
    abort.abort();
  }
}

const first = '127.0.0.1';
const second = '127.0.0.2';
const code = (value: number) => (query: Parameters<typeof respond>[0]) => respond(query, [], value);

describe('other servers', () => {
  test('answer in the order in which they are listed', async () => {
    await using one = await openFakeServer({ address: first, answer: () => [a('example.org', '10.0.0.1')] });
    await using two = await openFakeServer({ address: second, port: one.port, answer: () => [a('example.org', '10.0.0.2')] });
    assert.deepEqual(await ask([first, second], one.port), ['10.0.0.1']);
    assert.deepEqual([one.asked, two.asked], [['example.org A udp'], []]);
  });

  test('are asked under another id each time', async () => {
    const ids = new Set<number | undefined>();
    await using server = await openFakeServer({
      address: first,
      answer: (query) => {
        ids.add(query.id);
        return [a('example.org', '10.0.0.1')];
      },
    });
    for (let round = 0; round < 10; round += 1) await ask([first], server.port);
    assert.ok(ids.size > 5, `${ids.size} ids`);
  });

  test('that do not answer give way to the next', async () => {
    await using silent = await openFakeServer({ address: first, answer: () => null });
    await using next = await openFakeServer({ address: second, port: silent.port, answer: () => [a('example.org', '10.0.0.2')] });
    const noted: string[] = [];
    const onSilent: AskOptions['onSilent'] = (servers) => noted.push(...[...servers].map(({ address }) => address));
    assert.deepEqual(await ask([first, second], silent.port, { timeoutMs: 20, onSilent }), ['10.0.0.2']);
    assert.deepEqual(noted, [first]);
    assert.equal(silent.asked.length, 1);
    assert.equal(next.asked.length, 1);
  });

  test('that are not there give way at once', async () => {
    await using next = await openFakeServer({ address: second, answer: () => [a('example.org', '10.0.0.2')] });
    assert.deepEqual(await ask([first, second], next.port), ['10.0.0.2']);
    assert.equal(await ask([first], next.port, { attempts: 3 }), null);
    // An address that has no place on the Internet cannot even be sent to.
    assert.deepEqual(await ask(['ff02::1%lo9', '255.255.255.255', second], next.port), ['10.0.0.2']);
  });

  test('that answer late are still heard', async () => {
    const { promise: secondAsked, resolve } = Promise.withResolvers<void>();
    await using late = await openFakeServer({
      address: first,
      answer: async () => {
        await secondAsked;
        return [a('example.org', '10.0.0.1')];
      },
    });
    await using silent = await openFakeServer({
      address: second,
      port: late.port,
      answer: () => {
        resolve();
        return null;
      },
    });
    assert.deepEqual(await ask([first, second], late.port, { timeoutMs: 200 }), ['10.0.0.1']);
    assert.equal(silent.asked.length, 1);
  });

  test('that never answer are given up', async () => {
    await using silent = await openFakeServer({ address: first, answer: () => null });
    assert.equal(await ask([first], silent.port, { timeoutMs: 10, attempts: 2 }), null);
    assert.equal(silent.asked.length, 2);
  });

  test('that cannot help give way, and have their say when nobody can', async () => {
    await using failing = await openFakeServer({ address: first, answer: code(2) });
    await using refusing = await openFakeServer({ address: second, port: failing.port, answer: code(5) });
    assert.equal(await ask([first, second], failing.port, { attempts: 2 }), 5);
    assert.deepEqual([failing.asked.length, refusing.asked.length], [1, 1], 'nobody is asked twice');
  });

  test('say that there is no such name, which is an answer', async () => {
    await using knowing = await openFakeServer({ address: first, answer: code(3) });
    await using other = await openFakeServer({ address: second, port: knowing.port, answer: () => [a('example.org', '10.0.0.2')] });
    assert.equal(await ask([first, second], knowing.port), 3);
    assert.equal(other.asked.length, 0);
  });

  test('are asked again over TCP when their answer is cut off, if the client can take more', async () => {
    const many = Array.from({ length: 200 }, (_, index) => a('example.org', `10.0.1.${index}`));
    await using server = await openFakeServer({
      address: first,
      answer: (query, isStream) => (isStream ? many : respond(query, [], truncated)),
    });
    const answer = await ask([first], server.port, { isStream: true });
    assert.equal(Array.isArray(answer) && answer.length, 200);
    assert.deepEqual(server.asked, ['example.org A udp', 'example.org A tcp']);
    assert.equal(await ask([first], server.port), 0, 'a client of UDP asks again itself');
    assert.equal(server.asked.length, 3);
  });

  test('that close the connection without an answer have given none', async () => {
    await using server = await openFakeServer({
      address: first,
      answer: (query, isStream) => (isStream ? null : respond(query, [], truncated)),
    });
    assert.equal(await ask([first], server.port, { isStream: true }), null);
  });
});

describe('liars', () => {
  test('with a wrong id or another question are not heard', async () => {
    for (const lie of [
      (query: Parameters<typeof respond>[0]) => respond({ ...query, id: (query.id ?? 0) ^ 1 }, [a('example.org', '6.6.6.6')]),
      (query: Parameters<typeof respond>[0]) =>
        respond({ ...query, questions: [{ type: 'A', name: 'evil.org' }] }, [a('example.org', '6.6.6.6')]),
      () => Buffer.alloc(3),
      () => Buffer.alloc(500, 0xff),
    ]) {
      await using liar = await openFakeServer({ address: first, answer: lie });
      await using honest = await openFakeServer({ address: second, port: liar.port, answer: () => [a('example.org', '10.0.0.2')] });
      assert.deepEqual(await ask([first, second], liar.port, { timeoutMs: 50 }), ['10.0.0.2']);
      assert.equal(honest.asked.length, 1);
    }
  });

  test('who answer from another port or address are not heard', async () => {
    await using stranger = await openFakeServer({ address: second, answer: () => null });
    const { createSocket } = await import('node:dgram');
    const other = createSocket('udp4');
    const asked = createSocket('udp4');
    asked.on('message', (message, from) => {
      const lie = respond(decode(message), [a('example.org', '6.6.6.6')]);
      other.send(lie, from.port, from.address);
    });
    await new Promise<void>((resolve) => asked.bind(stranger.port, first, resolve));
    try {
      assert.equal(await ask([first], stranger.port, { timeoutMs: 100 }), null);
    } finally {
      other.close();
      asked.close();
    }
  });
});

test('a question that is given up leaves no socket behind', async () => {
  await using silent = await openFakeServer({ address: first, answer: () => null });
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'UDPWRAP').length;
  const before = sockets();
  const abort = new AbortController();
  const asking = askServers(question('example.org'), {
    servers: [{ address: first }],
    port: silent.port,
    timeoutMs: 10_000,
    attempts: 1,
    isStream: false,
    signal: abort.signal,
  });
  while (silent.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  assert.equal(await asking, null);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sockets(), before);
});
