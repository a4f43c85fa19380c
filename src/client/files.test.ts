import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OrlopError } from '#errors';
import { createFilesClient } from './files.ts';
import type { RequestOptions } from './transport/request.ts';
import type { Answer, Transport } from './transport/transport.ts';

const facts = { name: 'state', size: 3, mode: 0o644, mtime: '2026-01-02T03:04:05Z', linkTarget: '' };

async function* bytes(...pieces: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

function found(body: AsyncGenerator<Buffer>): Answer {
  const stat = Buffer.from(JSON.stringify(facts)).toString('base64');
  return { status: 200, contentType: '', headers: new Map([['x-docker-container-path-stat', stat]]), body };
}

/** An engine's answers, in turn. */
function answering(...answers: ReadonlyArray<() => Answer>): { transport: Transport; methods: string[] } {
  const methods: string[] = [];
  const rest = [...answers];
  const request = async ({ method }: RequestOptions): Promise<Answer> => {
    methods.push(method);
    const answer = rest.shift();
    assert.ok(answer !== undefined, `nobody expects ${method}`);
    return answer();
  };
  return { transport: { request } as unknown as Transport, methods };
}

function missing(words: string): () => never {
  return () => {
    throw new OrlopError('not-found', 'ENGINE_PATH_NOT_FOUND', words);
  };
}

describe('what a path of a container is', () => {
  test('is told in the words of the answer that has some when it is not there', async () => {
    const { transport, methods } = answering(missing('404'), missing('Could not find the file /state in container box'));
    await assert.rejects(createFilesClient(transport).stat('box', '/state'), { message: /Could not find the file/ });
    assert.deepEqual(methods, ['HEAD', 'GET']);
  });

  test('is known when it comes between the two questions', async () => {
    const { transport, methods } = answering(missing('404'), () => found(bytes('a', 'tar')));
    const stat = await createFilesClient(transport).stat('box', '/state');
    assert.deepEqual([stat.name, stat.sizeBytes, stat.isDirectory], ['state', 3, false]);
    assert.deepEqual(methods, ['HEAD', 'GET']);
  });
});
