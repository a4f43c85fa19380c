import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isOrlopError } from '#errors';
import { createDownloads } from './download.ts';
import { openServer, type Handler } from './testing/server.ts';

const collect = async (stream: AsyncIterable<Buffer>): Promise<string> => {
  let text = '';
  for await (const chunk of stream) text += chunk.toString();
  return text;
};

const answers: Readonly<Record<string, Handler>> = {
  '/a': (_request, response) => void response.end('content'),
  '/moved': (_request, response) => void response.writeHead(302, { location: '/a' }).end(),
  '/broken': (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('some', () => response.destroy());
  },
};
const handler: Handler = (request, response, body) => {
  const answer = answers[request.url ?? ''];
  if (answer === undefined) response.writeHead(404).end();
  else answer(request, response, body);
};

describe('a plain download', () => {
  it('follows redirects and asks without credentials', async () => {
    await using server = await openServer(handler);
    using downloads = createDownloads({ userAgent: 'tester' });
    const at = (path: string): URL => new URL(`http://${server.host}${path}`);
    assert.equal((await downloads.read(at('/moved'), { object: 'moved', maxBytes: 7 })).toString(), 'content');
    assert.equal(await collect(downloads.stream(at('/a'), { object: 'a' })), 'content');
    assert.deepEqual(
      server.asked.map(({ url, headers }) => [url, headers['user-agent'], headers.authorization]),
      [
        ['/moved', 'tester', undefined],
        ['/a', 'tester', undefined],
        ['/a', 'tester', undefined],
      ],
    );
  });

  it('that is too long, missing, broken off or cancelled names the server and the file', async () => {
    await using server = await openServer(handler);
    using downloads = createDownloads();
    const at = (path: string): URL => new URL(`http://${server.host}${path}`);
    const named = (kind: Parameters<typeof isOrlopError>[1]) => (error: unknown) =>
      isOrlopError(error, kind) && error.message.startsWith(`server ${server.host}: thing: `);
    await assert.rejects(downloads.read(at('/a'), { object: 'thing', maxBytes: 6 }), named('resource-exhausted'));
    await assert.rejects(downloads.read(at('/none'), { object: 'thing', maxBytes: 6 }), named('not-found'));
    await assert.rejects(collect(downloads.stream(at('/broken'), { object: 'thing' })), named('unavailable'));
    await assert.rejects(collect(downloads.stream(at('/a'), { object: 'thing', signal: AbortSignal.abort() })), named('cancelled'));
  });
});
