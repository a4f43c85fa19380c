import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createHttpServer, type HttpServer } from '#api/http';
import { OrlopError } from '#errors';
import { createLogger } from '#log';
import type { LeaseRequest } from '#wire';
import { orlopLeaseRoutes } from './lease-routes.ts';

const id = '0'.repeat(32);

describe('the routes of leases', () => {
  let directory = '';
  let server: HttpServer;
  let asked: LeaseRequest[];
  let released: PromiseWithResolvers<void>;
  let isReleased: boolean;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'orlop-leases-'));
    asked = [];
    isReleased = false;
    released = Promise.withResolvers();
    const leases = {
      hold(request: LeaseRequest) {
        asked.push(request);
        if (request.id !== undefined) throw new OrlopError('conflict', 'ENGINE_LEASE_ENDING', 'it has ended');
        const release = (): void => {
          isReleased = true;
          released.resolve();
        };
        return { id, isNew: true, release };
      },
      end: async () => {},
      list: () => [],
    };
    const logger = createLogger({ level: 'error' });
    server = createHttpServer({
      routes: orlopLeaseRoutes({ leases }),
      logger,
      group: 'orlop',
      tls: null,
      headers: {},
      versions: { oldest: '1.24', newest: '1.51' },
    });
    await server.listen(`unix://${directory}/s`);
  });
  afterEach(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Resolves with the connection once a line that ends with this has come. */
  const post = async (body: object, upgrade: boolean): Promise<{ socket: Socket; head: string }> => {
    const text = JSON.stringify(body);
    const socket = connect({ path: `${directory}/s`, allowHalfOpen: true });
    const upgrading = upgrade ? 'Connection: Upgrade\r\nUpgrade: tcp\r\n' : '';
    socket.write(
      `POST /orlop/v1/leases HTTP/1.1\r\n${upgrading}Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    );
    let head = '';
    while (!/\r\n\r\n.*\}\n$/s.test(head)) head += String((await once(socket, 'data'))[0]);
    return { socket, head };
  };

  for (const upgrade of [true, false]) {
    test(`hold one as long as the connection is open, ${upgrade ? 'switching protocols' : 'as an answer without end'}`, async () => {
      const { socket, head } = await post({ graceMs: 5 }, upgrade);
      assert.match(head, upgrade ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 200 /);
      assert.ok(head.endsWith(`{"id":"${id}","isNew":true}\n`));
      assert.deepEqual(asked, [{ graceMs: 5 }]);
      assert.equal(isReleased, false);
      socket.destroy();
      await released.promise;
    });
  }

  test('take the end of what a client says for its end', async () => {
    const { socket } = await post({}, true);
    socket.end();
    await released.promise;
    socket.destroy();
  });

  test('release nothing when it is the engine that closes the connection', async () => {
    const { socket } = await post({}, true);
    const closed = once(socket, 'close');
    socket.on('end', () => socket.end());
    await server.close();
    await closed;
    assert.equal(isReleased, false);
  });

  test('say why there is none', async () => {
    const { socket, head } = await post({ id }, true);
    assert.match(head, /^HTTP\/1\.1 409 [^]*ENGINE_LEASE_ENDING/);
    socket.destroy();
    assert.equal(isReleased, false);
  });
});
