import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { openFakeServer, started, type FakeServer } from './fake-server.ts';
import { orlopCommand, quote, runProgram, startInTerminal, type ProgramEnd, type RunningProgram } from './programs.ts';

describe('the command line at a terminal, against our HTTP edge over an engine in memory', () => {
  let server: FakeServer;
  before(async () => {
    server = await openFakeServer();
  });
  after(() => server.close());
  const env = (): { ORLOP_HOST: string } => ({ ORLOP_HOST: server.host });
  const orlop = (...words: string[]): Promise<ProgramEnd> => runProgram([...orlopCommand, ...words], { env: env() });

  test('top without a name shows all containers: once on a pipe, again and again on a terminal until q', async () => {
    await orlop('run', '-d', '--name', 'busy', 'debian:trixie', 'sleep', '60');
    const once = await orlop('top');
    assert.match(once.stdout, /^1 container +cpu 25\.0% +memory 2MiB +pids 3\n\nNAME +CPU % .*\nbusy +25\.0% +2MiB /);
    assert.match((await orlop('top', '--json')).stdout, /^\[\{"id":"[0-9a-f]{64}","name":"busy",.*\}\]\n$/);
    assert.equal((await orlop('top', '--sort', 'weight')).code, 125);
    assert.equal((await orlop('top', '--sort', 'cpu', 'busy')).code, 125);
    const live = startInTerminal(`stty rows 9 cols 60; ${quote([...orlopCommand, 'top'])}; stty -a`, { env: env() });
    await live.said('\u001B[1mc cpu↓');
    live.child.stdin.write('m');
    await live.said('\u001B[1mm memory↓');
    live.child.stdin.write('m');
    await live.said('\u001B[1mm memory↑');
    live.child.stdin.write('q');
    const { stdout, code } = await live.ended;
    assert.equal(code, 0);
    assert.ok(stdout.includes('\u001B[?1049h') && stdout.includes('\u001B[?1049l'), stdout);
    assert.match(stdout.slice(stdout.lastIndexOf('\u001B[?1049l')), /[\n ]opost .* icanon /s);
    await orlop('rm', '-f', 'busy');
  });

  test('stats at a terminal is drawn over itself, within the window, until ctrl-C', async () => {
    for (const name of ['a1', 'a2', 'a3', 'a4']) await orlop('run', '-d', '--name', name, 'debian:trixie', 'sleep', '60');
    const live = startInTerminal(`trap : INT; stty rows 4 cols 120; ${quote([...orlopCommand, 'stats'])}; echo code $?; stty -a`, {
      env: env(),
    });
    await live.said('25.00%');
    const frame = live.heard.stdout.slice(live.heard.stdout.lastIndexOf('\u001B[H')).split('\n');
    assert.equal(frame.length, 4, 'a head and two containers fit, above the line of the cursor');
    live.child.stdin.write('\u0003');
    await live.said('code 130');
    assert.match((await live.ended).stdout, / icanon .* echo /s);
    await orlop('rm', '-f', 'a1', 'a2', 'a3', 'a4');
  });

  test('what follows ends at ctrl-C with the code of that signal, and the terminal is as it was', async () => {
    await orlop('run', '-d', '--name', 'talker', 'debian:trixie', 'talk', 'born');
    for (const words of [['events'], ['logs', '-f', 'talker'], ['container', 'prune']]) {
      const live = startInTerminal(`trap : INT; ${quote([...orlopCommand, ...words])}; echo code $?; stty -a`, { env: env() });
      if (words[0] === 'events') await eventsOf(live, () => orlop('run', '--rm', 'debian:trixie', 'echo'));
      else await live.said(words[0] === 'logs' ? 'born' : '[y/N]');
      live.child.stdin.write('\u0003');
      await live.said('code 130');
      assert.match((await live.ended).stdout, / icanon .* echo /s, words.join(' '));
    }
    await orlop('rm', '-f', 'talker');
  });

  test('colours are for terminals, and NO_COLOR switches them off', async () => {
    const command = quote([...orlopCommand, 'logs', 'nobody']);
    assert.doesNotMatch((await orlop('logs', 'nobody')).stderr, /\u001B/);
    assert.match((await startInTerminal(command, { env: { ...env(), TERM: 'xterm' } }).ended).stdout, /\u001B\[31morlop:\u001B\[39m /);
    for (const plain of [{ NO_COLOR: '1' }, { TERM: 'dumb' }])
      assert.doesNotMatch((await startInTerminal(command, { env: { ...env(), TERM: 'xterm', ...plain } }).ended).stdout, /\u001B/);
  });

  test('pull at a terminal shows each part on a line, and takes the lines away at the end', async () => {
    const { stdout, code } = await startInTerminal(`stty cols 80; ${quote([...orlopCommand, 'pull', 'hello'])}`, { env: env() }).ended;
    assert.equal(code, 0);
    assert.match(stdout, /\u001B\[J(?:Digest: .*\r\n)?Status: .*\r\nhello:latest|\u001B\[J.*hello/s);
    await orlop('rmi', 'hello');
  });

  test('in a terminal the process gets its size, each new size, and every key', async () => {
    const program = startInTerminal(
      `stty rows 31 cols 97; tty; exec ${quote([...orlopCommand, 'run', '-it', '--rm', '--name', 'screen', 'debian:trixie', 'sizes'])}`,
      { env: env() },
    );
    await program.said('/dev/pts/');
    await started(server, 'screen');
    assert.deepEqual(server.engine.created.at(-1)?.consoleSize, [31, 97]);
    const terminal = /\/dev\/pts\/\d+/.exec(program.heard.stdout)?.[0] ?? '';
    execFileSync('stty', ['-F', terminal, 'rows', '40', 'cols', '132']);
    await program.said('now 40 132');
    await orlop('kill', '-s', 'TERM', 'screen');
    assert.equal((await program.ended).code, 143);
    server.engine.signals.splice(0);
  });

  test('keys reach the process raw; ctrl-P ctrl-Q leaves it running and gives the terminal back', async () => {
    const program = startInTerminal(
      `${quote([...orlopCommand, 'run', '-it', '--name', 'typist', 'debian:trixie', 'cat'])}; echo code $?; stty -a`,
      { env: env() },
    );
    await started(server, 'typist');
    program.child.stdin.write('abc\u0003');
    await program.said('abc\u0003');
    program.child.stdin.write('\u0010\u0011');
    await program.said('detached');
    await program.said('code 0');
    const { stdout } = await program.ended;
    assert.match(stdout, / icanon /);
    assert.match(stdout, / echo /);
    assert.equal(server.engine.containers.inspect('typist').status, 'running');
    await orlop('rm', '-f', 'typist');
  });

  test('a signal that ends the program gives the terminal back', async () => {
    const program = startInTerminal(
      `sh -c 'echo pid $$; exec "$@"' sh ${quote([...orlopCommand, 'run', '-it', '--name', 'raw', 'debian:trixie', 'cat'])}; echo code $?; stty -a`,
      { env: env() },
    );
    await program.said('pid ');
    await started(server, 'raw');
    program.child.stdin.write('x');
    await program.said('x');
    const pid = /pid (\d+)/.exec(program.heard.stdout)?.[1];
    process.kill(Number(pid), 'SIGTERM');
    await program.said('code 143');
    assert.match((await program.ended).stdout, / icanon /);
    await orlop('rm', '-f', 'raw');
  });
});

/** Events have no beginning that is said: makes some until the first is seen. */
async function eventsOf(watching: RunningProgram, make: () => Promise<unknown>): Promise<void> {
  const stop = new AbortController();
  const made = (async () => {
    for (let turn = 0; turn < 50 && !stop.signal.aborted; turn++) await make();
  })();
  await watching.said('container die');
  stop.abort();
  await made;
}
