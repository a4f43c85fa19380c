import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createFrameDecoder } from '#wire';
import { startEngine, whyNot, type TestEngine } from '../system/harness.ts';

describe('what joins a container over the API', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let doors: Server;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    // Node's WebSocket knows no unix sockets.
    doors = createServer((client) => {
      const server = connect(engine.socket);
      client.pipe(server).pipe(client);
      for (const end of [client, server]) end.on('error', () => undefined);
    });
    doors.listen(0, '127.0.0.1');
    await once(doors, 'listening');
  });
  after(async () => {
    doors.close();
    await engine[Symbol.asyncDispose]();
  });

  const run = async (script: string, ...flags: readonly string[]): Promise<string> =>
    engine.must('run', '-d', '--network', 'none', ...flags, 'busybox', 'sh', '-c', script);

  /** A connection that has been taken over; what came with the answer's headers is put back. */
  async function hijack(path: string, body = ''): Promise<{ socket: Socket; status: string }> {
    const socket = connect(engine.socket);
    const type = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    socket.write(`POST /v1.43${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${type}\r\n${body}`);
    let head = Buffer.alloc(0);
    while (!head.includes('\r\n\r\n')) {
      await once(socket, 'readable');
      head = Buffer.concat([head, (socket.read() as Buffer | null) ?? Buffer.alloc(0)]);
    }
    const end = head.indexOf('\r\n\r\n') + 4;
    if (end < head.length) socket.unshift(head.subarray(end));
    return { socket, status: head.toString().slice(9, 12) };
  }

  async function allOf(socket: Socket): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>));
  }

  function textOf(bytes: Buffer): string {
    return Buffer.concat(
      createFrameDecoder()
        .push(bytes)
        .map((frame) => frame.data),
    ).toString();
  }

  async function waitFor(ref: string, text: string): Promise<void> {
    while (!(await engine.must('logs', ref)).includes(text)) await delay(20);
  }

  test('logs and stream in all combinations: what was said, what comes, both without a gap or a repetition, neither', async () => {
    const script = 'echo one; echo two; printf "thr"; read x; echo ee; echo four';
    const cases: readonly [query: string, said: string][] = [
      ['logs=1&stream=0', 'one\ntwo\n'],
      ['logs=0&stream=0', ''],
      ['logs=0&stream=1', 'ee\nfour\n'],
      ['logs=1&stream=1', 'one\ntwo\nthree\nfour\n'],
    ];
    for (const [query, said] of cases) {
      const id = await run(script, '-i');
      await waitFor(id, 'two');
      const { socket, status } = await hijack(`/containers/${id}/attach?${query}&stdin=1&stdout=1&stderr=1`);
      assert.equal(status, '101');
      const all = allOf(socket);
      if (query.endsWith('stream=0')) await all;
      // The streams are joined by now; what the process waits for comes from another client.
      const other = await hijack(`/containers/${id}/attach?stream=1&stdin=1`);
      other.socket.write('\n');
      assert.equal(textOf(await all), said, query);
      other.socket.destroy();
      await engine.must('rm', '-f', id);
    }
  });

  test('logs and stream while much is said', async () => {
    const id = await run('i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo line $i; [ $((i % 100)) = 0 ] && sleep 0.01; done');
    await waitFor(id, 'line 300');
    const { socket } = await hijack(`/containers/${id}/attach?logs=1&stream=1&stdout=1&stderr=1`);
    const lines = textOf(await allOf(socket))
      .trimEnd()
      .split('\n');
    assert.deepEqual(
      lines,
      Array.from({ length: 3000 }, (_, index) => `line ${index + 1}`),
    );
    await engine.must('rm', '-f', id);
  });

  test('the detach keys let go of a terminal, and the process goes on', async () => {
    const id = await run('echo ready; cat', '-i', '-t', '--name', 'held');
    const events = engine.spawn('events', '--filter', 'event=detach');
    const event = once(events.stdout as NodeJS.ReadableStream, 'data');
    await waitFor(id, 'ready');
    for (const [query, keys] of [
      ['', '\x10\x11'],
      ['&detachKeys=ctrl-a,x', '\x01x'],
    ] as const) {
      const { socket } = await hijack(`/containers/held/attach?stream=1&stdin=1&stdout=1&stderr=1${query}`);
      socket.write('hello');
      const [echo] = (await once(socket, 'data')) as [Buffer];
      assert.equal(echo.toString(), 'hello');
      socket.write(keys);
      await once(socket, 'end');
      assert.equal(await engine.must('inspect', '-f', '{{.State.Running}}', 'held'), 'true');
    }
    assert.match(String(await event), /container detach/);
    events.kill();
    const { status } = await hijack('/containers/held/attach?stream=1&detachKeys=ctrl-');
    assert.equal(status, '400');
    await engine.must('rm', '-f', id);
  });

  test('the detach keys of an exec are its own, and it goes on', async () => {
    const id = await run('sleep 1000');
    const create = JSON.stringify({
      Cmd: ['sh', '-c', 'echo ready; cat; sleep 1000'],
      Tty: true,
      AttachStdin: true,
      AttachStdout: true,
      DetachKeys: 'ctrl-x',
    });
    const response = await fetch(`http://127.0.0.1:${portOf(doors)}/containers/${id}/exec`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: create,
    });
    const { Id: exec } = (await response.json()) as { Id: string };
    const { socket } = await hijack(`/exec/${exec}/start`, '{"Tty":true}');
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.match(first.toString(), /ready/);
    socket.write('\x18');
    await once(socket, 'end');
    const shown = (await (await fetch(`http://127.0.0.1:${portOf(doors)}/exec/${exec}/json`)).json()) as {
      Running: boolean;
      DetachKeys: string;
    };
    assert.deepEqual([shown.Running, shown.DetachKeys], [true, Buffer.from('\x18').toString('base64')]);
    await engine.must('rm', '-f', id);
  });

  describe('a WebSocket', () => {
    function open(path: string): { socket: WebSocket; said: Promise<string>; heard: (text: string) => Promise<void> } {
      const socket = new WebSocket(`ws://127.0.0.1:${portOf(doors)}/v1.43${path}`);
      socket.binaryType = 'arraybuffer';
      let text = '';
      let wake = (): void => {};
      const said = new Promise<string>((resolve, reject) => {
        socket.addEventListener('message', ({ data }) => {
          text += Buffer.from(data as ArrayBuffer).toString();
          wake();
        });
        socket.addEventListener('error', () => reject(new Error('refused')));
        socket.addEventListener('close', () => resolve(text));
      });
      said.catch(() => undefined);
      const heard = async (wanted: string): Promise<void> => {
        while (!text.includes(wanted)) await new Promise<void>((resolve) => (wake = resolve));
      };
      return { socket, said, heard };
    }

    test('carries what is typed and said, both streams as they come, to the end of the process', async () => {
      const id = await run('echo ready; read x; echo got $x; echo wrong >&2', '-i');
      await waitFor(id, 'ready');
      const { socket, said, heard } = open(`/containers/${id}/attach/ws?logs=1&stream=1&stdin=1&stdout=1&stderr=1`);
      await heard('ready');
      socket.send('mail\n');
      assert.deepEqual((await said).split('\n').toSorted(), ['', 'got mail', 'ready', 'wrong']);
      await engine.must('rm', '-f', id);
    });

    test('carries much, in both directions', async () => {
      const id = await run('head -c 300000 | wc -c; head -c 500000 /dev/zero | tr "\\0" x', '-i');
      const { socket, said } = open(`/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1`);
      await once(socket, 'open');
      for (let part = 0; part < 3; part++) socket.send(Buffer.alloc(100_000, 'y'));
      assert.equal(await said, `300000\n${'x'.repeat(500_000)}`);
      await engine.must('rm', '-f', id);
    });

    test('that closes lets go of the process, and its detach keys do', async () => {
      const id = await run('echo ready; cat', '-i', '-t');
      const first = open(`/containers/${id}/attach/ws?logs=1&stream=1&stdin=1&stdout=1&stderr=1`);
      await first.heard('ready');
      first.socket.close();
      await first.said;
      const second = open(`/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x`);
      await once(second.socket, 'open');
      second.socket.send('hi');
      await second.heard('hi');
      second.socket.send('\x18');
      await second.said;
      assert.equal(await engine.must('inspect', '-f', '{{.State.Running}}', id), 'true');
      await engine.must('rm', '-f', id);
    });

    test('of a page of somebody else’s, to nobody, or that is none is refused', async () => {
      await assert.rejects(open('/containers/nobody/attach/ws?stream=1').said, /refused/);
      const id = await run('sleep 1000');
      const answer = await fetch(`http://127.0.0.1:${portOf(doors)}/containers/${id}/attach/ws?stream=1`);
      const { message } = (await answer.json()) as { message: string };
      assert.deepEqual([answer.status, message], [400, 'this address is for WebSockets']);
      await engine.must('rm', '-f', id);
    });
  });
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
