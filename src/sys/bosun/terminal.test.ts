import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { Op } from '../plan/index.ts';
import { attachFirst, collect, openTestContainer, reasonToSkip, type ContainerOptions, type TestContainer } from './test-container.ts';

describe('a container with a terminal', { skip: reasonToSkip() }, () => {
  test('output is raw, is logged as stdout, and is complete to the last byte', async () => {
    await using container = openTestContainer();
    const { socket } = await runWithClient(container, { argv: ['sh', '-c', 'head -c 2000000 /dev/zero; echo; echo to error >&2'] });
    const output = (await collect(socket)).toString();
    assert.equal(output, `${'\0'.repeat(2_000_000)}\r\nto error\r\n`);
    assert.equal(container.logged('stdout'), output);
  });

  test('it is the controlling terminal, has the size that is asked for, and is told of another', async () => {
    await using container = openTestContainer();
    const script = 'trap "stty size; exit 5" WINCH; stty size; while :; do read x </dev/tty; done';
    const { socket } = await runWithClient(container, { argv: ['sh', '-c', script] });
    const output = await talk(socket, [['24 80\r\n', () => container.monitor.resize(50, 132)]]);
    assert.equal(output, '24 80\r\n50 132\r\n');
    assert.equal((await container.monitor.exited).exitCode, 5);
  });

  test('an interrupt from the keyboard reaches the foreground program', async () => {
    await using container = openTestContainer();
    const { socket } = await runWithClient(container, {
      argv: ['sh', '-c', 'trap "echo caught; exit 6" INT; echo ready; while :; do read x; done'],
    });
    await talk(socket, [['ready\r\n', () => socket.write('\x03')]]);
    assert.equal((await container.monitor.exited).exitCode, 6);
  });

  test('the end of the client’s input is the end of file, also after an unfinished line', async () => {
    await using container = openTestContainer();
    const { socket } = await runWithClient(container, { argv: ['sh', '-c', 'cat; echo over'] });
    socket.end('whole\nunfinished');
    const output = (await collect(socket)).toString();
    assert.match(output, /unfinished.*over\r\n$/s);
    assert.equal((await container.monitor.exited).exitCode, 0);
  });

  test('a program that closes its terminal and opens it again, as an init does with its console, still reaches the clients', async () => {
    await using container = openTestContainer();
    const script = 'exec </dev/null >/dev/null 2>&1; exec 3<>/dev/console; exec 3>&-; echo again >/dev/console; kill -0 1';
    const { socket } = await runWithClient(container, { argv: ['sh', '-c', script] });
    assert.equal((await collect(socket)).toString(), 'again\r\n');
  });
});

const controllingTerminal: Op = { op: 'make_node', target: '/dev/tty', mode: 0o020666, major: 5, minor: 0, uid: 0, gid: 0 };

async function runWithClient(container: TestContainer, options: ContainerOptions): Promise<{ socket: Socket }> {
  const { attachment, op } = attachFirst(container.addon, 7);
  await container.run({ ...options, terminal: true, slots: [attachment.descriptor], before: [op, controllingTerminal] });
  container.addon.close(attachment.descriptor);
  return { socket: attachment.socket };
}

/** Waits for each text in turn and then does what belongs to it; gives all output. */
function talk(socket: Socket, steps: readonly (readonly [text: string, act: () => void])[]): Promise<string> {
  const left = [...steps];
  let heard = '';
  let from = 0;
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
    for (let step = left[0]; step !== undefined && heard.includes(step[0], from); step = left[0]) {
      from = heard.indexOf(step[0], from) + step[0].length;
      left.shift();
      step[1]();
    }
  });
  return collect(socket).then((all) => all.toString());
}
