import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openLightSocket, type BunConnect } from './light-socket.ts';

type Handlers = Parameters<BunConnect>[0]['socket'];

interface FakeBun {
  readonly connect: BunConnect;
  readonly taken: string[];
  /** How many bytes the next write takes. */
  room: number;
  handlers: Handlers | null;
  readonly said: string[];
}

function fakeBun(): FakeBun {
  const fake: FakeBun = {
    taken: [],
    room: Number.POSITIVE_INFINITY,
    handlers: null,
    said: [],
    connect: async ({ socket }) => {
      fake.handlers = socket;
      return {
        write: (data) => {
          const count = Math.min(fake.room, data.length);
          fake.room -= count;
          fake.taken.push(Buffer.from(data.subarray(0, count)).toString());
          return count;
        },
        terminate: () => fake.said.push('terminate'),
        pause: () => fake.said.push('pause'),
        resume: () => fake.said.push('resume'),
        ref: () => fake.said.push('ref'),
        unref: () => fake.said.push('unref'),
      };
    },
  };
  return fake;
}

describe("a socket of Bun's", () => {
  test('keeps what was not taken, in order, until there is room again', async () => {
    const fake = fakeBun();
    const socket = await openLightSocket(fake.connect, '/x');
    let drained = 0;
    socket.on('drain', () => (drained += 1));
    fake.room = 3;
    assert.equal(socket.write('abcdef'), false);
    assert.equal(socket.write('gh'), false);
    fake.room = 2;
    fake.handlers?.drain();
    assert.deepEqual([fake.taken.join(''), drained], ['abcde', 0]);
    fake.room = 100;
    fake.handlers?.drain();
    assert.deepEqual([fake.taken.join(''), drained], ['abcdefgh', 1]);
    assert.equal(socket.write('i'), true);
  });

  test('that was closed takes nothing and is closed once', async () => {
    const fake = fakeBun();
    const socket = await openLightSocket(fake.connect, '/x');
    let closed = 0;
    const listener = (): void => void (closed += 1);
    socket.on('close', listener);
    socket.destroy();
    socket.destroy();
    assert.deepEqual([fake.said, socket.destroyed], [['terminate'], true]);
    socket.write('x');
    assert.deepEqual(fake.taken, []);
    fake.handlers?.close();
    socket.off('close', listener);
    fake.handlers?.close();
    assert.equal(closed, 1);
  });
});
