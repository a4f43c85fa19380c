import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream, writeSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Process } from '#oci';
import { loadAddon, type Addon } from '#sys';
import { runCommand } from '../system/harness.ts';
import { openBundles, type Bundles } from './bundles.ts';
import { findProgram, runtimeProgram, whyNoEngine } from './engine-home.ts';
import { quote, startInTerminal } from './programs.ts';

const terminal = (script: string): Partial<Process> => ({
  args: ['sh', '-c', script],
  terminal: true,
  consoleSize: { height: 33, width: 77 },
});

/** What a console socket's owner is sent. */
interface Console {
  readonly name: string;
  readonly master: number;
}

describe('terminals of orlop-runtime', { skip: whyNoEngine({}) }, () => {
  let bundles: Bundles;
  let addon: Addon;
  const servers: Server[] = [];
  before(() => {
    bundles = openBundles();
    addon = loadAddon();
  });
  after(async () => {
    for (const server of servers) server.close();
    await bundles[Symbol.asyncDispose]();
  });

  /** A console socket, and the terminal that the first caller sends. */
  async function listen(name: string): Promise<{ path: string; console: Promise<Console> }> {
    const path = join(bundles.home.directory, `${name}.sock`);
    const server = createServer({ pauseOnConnect: true });
    servers.push(server);
    server.listen(path);
    await once(server, 'listening');
    const console = once(server, 'connection').then(([socket]) => {
      // Node has no door to the descriptors that come with a message.
      const { fd } = (socket as Socket & { readonly _handle: { readonly fd: number } })._handle;
      const { data, descriptors } = addon.receiveDescriptors(fd, 4096, 2, 10_000);
      (socket as Socket).destroy();
      assert.equal(descriptors.length, 1);
      return { name: data.toString(), master: descriptors[0] ?? -1 };
    });
    return { path, console };
  }

  /** What the terminal says until its last process has closed it; the descriptor is closed then. */
  function hear(master: number): Promise<string> {
    return new Promise((resolve) => {
      let heard = '';
      const stream = createReadStream('', { fd: master });
      stream.on('data', (bytes) => (heard += bytes.toString()));
      stream.on('error', () => resolve(heard));
      stream.on('end', () => resolve(heard));
    });
  }

  test("a created container's terminal goes to the console socket, in one message, with its size set", async () => {
    const { path, console } = await listen('create');
    const { id, directory } = bundles.write(terminal('tty; stty size; ls -l /dev/console; read line; echo got $line'));
    assert.equal(await bundles.detached('create', '--bundle', directory, '--console-socket', path, id), 0);
    const { name, master } = await console;
    assert.equal(name, '/dev/ptmx');
    writeSync(master, 'words\n');
    const heard = hear(master);
    assert.equal((await bundles.call('start', id)).code, 0);
    assert.match(await heard, /\/dev\/pts\/0\r\n33 77\r\nc\S+ .* 136, +0 .* \/dev\/console\r\n[^]*got words\r\n$/);
    assert.equal((await bundles.call('delete', '--force', id)).code, 0);
  });

  test("an exec's terminal goes to one of its own", async () => {
    const { id, directory } = bundles.write({ args: ['sleep', '1000'] });
    assert.equal(await bundles.detached('run', '--detach', '--bundle', directory, id), 0);
    const { path, console } = await listen('exec');
    const file = join(directory, 'process.json');
    bundles.home.write(`${id}/process.json`, JSON.stringify({ cwd: '/', env: ['PATH=/bin'], ...terminal('tty; stty size') }));
    assert.equal(await bundles.detached('exec', '--detach', '--console-socket', path, '--process', file, id), 0);
    const { master } = await console;
    assert.match(await hear(master), /^\/dev\/pts\/\d+\r\n33 77\r\n$/);
    const program = ['exec', '--tty', id, 'tty'];
    assert.match((await bundles.call(...program)).stdout, /^\/dev\/pts\/\d+\r\n$/);
    assert.equal((await bundles.call('delete', '--force', id)).code, 0);
  });

  test('run copies between its own terminal and the container', {
    skip: findProgram('script') === null ? 'needs script(1)' : false,
  }, async () => {
    const { id, directory } = bundles.write({ ...terminal('read line; stty size; echo got $line; exit 4') });
    const program = startInTerminal(`exec ${quote(bundles.words('run', '--bundle', directory, id))}`);
    program.child.stdin.write('words\n');
    const { code, stdout } = await program.ended;
    assert.equal(code, 4, stdout);
    assert.match(stdout, /33 77[^]*got words/);
  });

  test('a console socket without a terminal or without --detach, and a terminal for nobody, are refused', async () => {
    const { id, directory } = bundles.write(terminal('true'));
    const socket = ['--console-socket', join(bundles.home.directory, 'no.sock')];
    const refusals: [string[], RegExp][] = [
      [['run', ...socket, '--bundle', directory, id], /cannot use console socket if/],
      [['run', '--detach', '--bundle', directory, id], /cannot allocate tty if/],
      [['create', '--bundle', directory, id], /cannot allocate tty if/],
      [['create', ...socket, '--bundle', directory, id], /dial unix .*no\.sock: connect: no such file or directory/],
    ];
    for (const [words, message] of refusals) {
      const outcome = await runCommand(runtimeProgram, ['--root', bundles.root, ...words]);
      assert.equal(outcome.code, 1);
      assert.match(outcome.stderr, message);
    }
  });
});
