import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { acceptWebSocket } from './websocket.ts';

const asked = { upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', host: 'engine:2376' };
const onUnix = {} as Socket;
const onTcp = { remoteAddress: '192.0.2.1' } as Socket;

describe('the wish for a WebSocket', () => {
  test('is answered as RFC 6455 says in its example', () => {
    assert.equal(acceptWebSocket(asked, onUnix)['Sec-WebSocket-Accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(acceptWebSocket({ ...asked, upgrade: 'WebSocket' }, onUnix)['Upgrade'], 'websocket');
  });

  const wrong: readonly [what: string, headers: Record<string, string | undefined>, code: string][] = [
    ['that is none', { upgrade: undefined }, 'HTTP_NO_WEBSOCKET'],
    ['for another protocol', { upgrade: 'tcp' }, 'HTTP_NO_WEBSOCKET'],
    ['without a key', { 'sec-websocket-key': undefined }, 'HTTP_NO_WEBSOCKET'],
    ['with a short key', { 'sec-websocket-key': 'AAAA' }, 'HTTP_NO_WEBSOCKET'],
    ['of another version', { 'sec-websocket-version': '8' }, 'HTTP_WEBSOCKET_VERSION'],
  ];
  for (const [what, headers, code] of wrong) {
    test(`${what} is refused`, () => {
      assert.throws(
        () => acceptWebSocket({ ...asked, ...headers }, onUnix),
        (error) => isOrlopError(error, 'invalid-argument') && error.code === code,
      );
    });
  }

  test("of a page is granted on TCP to the engine's own pages alone", () => {
    acceptWebSocket({ ...asked, origin: 'https://engine:2376' }, onTcp);
    acceptWebSocket(asked, onTcp);
    acceptWebSocket({ ...asked, origin: 'http://localhost' }, onUnix);
    for (const origin of ['https://evil.example', 'https://engine', 'null']) {
      assert.throws(
        () => acceptWebSocket({ ...asked, origin }, onTcp),
        (error) => isOrlopError(error, 'permission-denied'),
      );
    }
  });
});
