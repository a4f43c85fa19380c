import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from 'dns-packet';
import { createLogger } from '#log';
import { createNameIndex } from './name-index.ts';
import { createQuestions, type QuestionsOptions } from './questions.ts';
import { createServerOrder } from './server-order.ts';
import { createDirectory, place } from './testing/places.ts';

/** The code of the answer, or null when there is none. */
function ask(change: Partial<QuestionsOptions>, name = 'www.example'): Promise<number | null> {
  const questions = createQuestions({
    containerId: 'web',
    index: createNameIndex(createDirectory(place('web', 'back', { address: '172.18.0.2' }))),
    logger: createLogger({ level: 'error', sink: () => undefined }),
    // Nobody listens there; if somebody did, any answer would do.
    hostResolvers: () => ({ servers: [{ address: '127.255.255.254' }], timeoutMs: 100, attempts: 1 }),
    serverOrder: createServerOrder(),
    load: { waiting: 0 },
    serveOptions: () => ({}),
    bindInside: () => assert.fail('nothing is asked inside'),
    ...change,
  });
  const message = encode({ id: 1, questions: [{ name, type: 'A', class: 'IN' }] });
  return new Promise((resolve) => questions.handle(message, false, (answer) => resolve(answer === null ? null : (answer[3] ?? 0) & 0xf)));
}

test('questions that are over make room for others', async () => {
  const load = { waiting: 2047 };
  for (let round = 0; round < 3; round += 1) assert.notEqual(await ask({ load }), 5);
  assert.equal(load.waiting, 2047);
});

test('when the questions of all containers are too many, only those about neighbours are answered', async () => {
  const load = { waiting: 2048 };
  assert.equal(await ask({ load }), 5);
  assert.equal(await ask({ load }, 'web'), 0);
  assert.equal(load.waiting, 2048);
});

test('a fault of ours is no answer, and is said in the log', async () => {
  const said: string[] = [];
  const logger = createLogger({ level: 'error', sink: (line) => void said.push(line) });
  const hostResolvers = (): never => {
    throw new Error('broken');
  };
  assert.equal(await ask({ logger, hostResolvers }), null);
  assert.equal(said.length, 1);
});
