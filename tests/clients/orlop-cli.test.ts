import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { openFakeServer, type FakeServer } from './fake-server.ts';
import { orlopCommand, quote, runProgram, startInTerminal, startProgram, type ProgramEnd, type RunningProgram } from './programs.ts';

describe('the command line, against our HTTP edge over an engine in memory', () => {
  let server: FakeServer;
  before(async () => {
    server = await openFakeServer();
  });
  after(() => server.close());
  const env = (): { ORLOP_HOST: string } => ({ ORLOP_HOST: server.host });
  const orlop = (...words: string[]): Promise<ProgramEnd> => runProgram([...orlopCommand, ...words], { env: env() });
  const fed = (input: string | Uint8Array, ...words: string[]): Promise<ProgramEnd> =>
    runProgram([...orlopCommand, ...words], { env: env(), input });
  const start = (...words: string[]): RunningProgram => startProgram([...orlopCommand, ...words], { env: env() });

  test('run prints what the process says and passes its exit code through', async () => {
    const good = await orlop('run', '--rm', 'debian:trixie', 'echo', 'hello', 'there');
    assert.deepEqual([good.code, good.stdout, good.stderr], [0, 'hello there\n', '']);
    const bad = await orlop('run', '--rm', 'debian:trixie', 'fail', '7');
    assert.deepEqual([bad.code, bad.stdout, bad.stderr], [7, '', 'oops\n']);
    assert.deepEqual(server.engine.containers.list({ all: true }), []);
  });

  test('run -i carries standard input and its end', async () => {
    const { code, stdout } = await fed('one\ntwo\n', 'run', '-i', '--rm', 'debian:trixie', 'cat');
    assert.deepEqual([code, stdout], [0, 'one\ntwo\n']);
  });

  test('run -i carries a megabyte both ways without loss', async () => {
    const input = 'x'.repeat(2 ** 20);
    const { code, stdout } = await fed(input, 'run', '-i', '--rm', 'debian:trixie', 'cat');
    assert.equal(code, 0);
    assert.equal(stdout.length, input.length);
  });

  test('all that was said arrives, however slowly it is read', async () => {
    const command = `head -c 4000000 /dev/zero | ${quote([...orlopCommand, 'run', '-i', '--rm', 'debian:trixie', 'cat'])} | (dd bs=1 count=3000 status=none; cat) | wc -c`;
    assert.equal((await runProgram(['bash', '-c', command], { env: env() })).stdout, '4000000\n');
  });

  test('a command that cannot be run gives 127 or 126, an image that is not there 125', async () => {
    const missing = await orlop('run', '--rm', 'debian:trixie', 'missing');
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /^orlop: .*executable file not found/);
    assert.equal((await orlop('run', '--rm', 'debian:trixie', 'noexec')).code, 126);
    assert.equal((await orlop('run', '--rm', 'nowhere')).code, 125);
    assert.deepEqual(server.engine.containers.list({ all: true }), []);
  });

  test('groups have other ways to say a command, and a mistyped one is understood, but not carried out', async () => {
    await orlop('container', 'create', '--name', 'grouped', 'debian:trixie', 'true');
    assert.match((await orlop('container', 'ls', '-a')).stdout, / grouped\n$/);
    assert.equal((await orlop('image', 'ls', '--format', '{{.Repository}}')).stdout, 'debian\n');
    assert.match((await orlop('container')).stdout, /^ +ls +List containers$/m);
    assert.equal((await orlop('container', 'inspect', '-f', '{{.Name}}', 'grouped')).stdout, '/grouped\n');
    assert.match((await orlop('image', 'inspect', 'grouped')).stderr, /No such image: grouped/);
    assert.match((await orlop('image', 'history', '--no-trunc', 'debian:trixie')).stdout, /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n/);
    const mistyped = await orlop('inspct', 'grouped');
    assert.deepEqual([mistyped.code, /unknown command: inspct; did you mean "orlop inspect"\?/.test(mistyped.stderr)], [1, true]);
    await orlop('container', 'rm', 'grouped');
  });

  test('stats shows what containers use, once or every second', async () => {
    await orlop('run', '-d', '--name', 'busy', 'debian:trixie', 'sleep', '60');
    const { stdout } = await orlop('stats', '--no-stream', 'busy');
    assert.match(
      stdout,
      /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS\n[0-9a-f]{12} +busy +25\.00% +2MiB \/ 64MiB +3\.13% +1\.23kB \/ 806B +4\.1kB \/ 1\.5MB +3\n$/,
    );
    const following = start('stats', '--format', '{{.Name}} {{.PIDs}}');
    await following.said('busy 3\nbusy 3\n');
    following.child.kill('SIGINT');
    await following.ended;
    assert.match((await orlop('stats', '--no-stream', 'nobody')).stderr, /No such container: nobody/);
    await orlop('rm', '-f', 'busy');
  });

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

  test('--json prints one document, the engine its data and failures among it, and a line for each of a stream', async () => {
    const [{ Id: id, Warnings: warnings }] = documents(await orlop('run', '-d', '--json', '--name', 'box', 'debian:trixie', 'sleep', '60'));
    assert.deepEqual(warnings, []);
    const [list] = documents(await orlop('ps', '--json'));
    assert.deepEqual([list.length, list[0].Id, list[0].Names, typeof list[0].Created], [1, id, ['/box'], 'number']);
    assert.equal(documents(await orlop('images', '--json'))[0][0].RepoTags[0], 'debian:trixie');
    assert.equal(documents(await orlop('version', '--json'))[0].Client.Os, 'linux');
    assert.equal(documents(await orlop('stats', '--no-stream', '--json'))[0].name, '/box');
    assert.deepEqual(documents(await orlop('stop', '--json', 'box')), [[{ Name: 'box' }]]);
    assert.deepEqual(documents(await orlop('wait', '--json', 'box')), [[{ Name: 'box', StatusCode: 143 }]]);
    assert.deepEqual(documents(await orlop('tag', '--json', 'debian:trixie', 'mine:1')), [{ Name: 'mine:1' }]);
    await orlop('run', '-d', '--name', 'talker', 'debian:trixie', 'talk', 'one', 'two');
    const { time, ...line } = documents(await orlop('logs', '--json', 'talker'))[0];
    assert.deepEqual([line.stream, Number.isNaN(Date.parse(time))], ['stdout', false]);
    await orlop('rm', '-f', 'talker');
    const removed = await orlop('rm', '--json', 'box', 'bax');
    const [[good, bad]] = documents(removed);
    assert.deepEqual([removed.code, removed.stderr, good, bad.Name, bad.Error.kind], [1, '', { Name: 'box' }, 'bax', 'not-found']);
    const failed = await orlop('port', '--json', 'nobody');
    assert.deepEqual([failed.stdout, JSON.parse(failed.stderr).error.code], ['', 'ENGINE_CONTAINER_NOT_FOUND']);
    assert.equal((await orlop('run', '--json', 'debian:trixie')).code, 125);
  });

  test('a mistyped name is answered with the one that was probably meant', async () => {
    await orlop('create', '--name', 'webserver', 'debian:trixie');
    for (const words of [
      ['rm', 'webservr'],
      ['inspect', 'webservr'],
      ['logs', 'webservr'],
      ['port', 'webservr'],
    ])
      assert.match((await orlop(...words)).stderr, /^orlop: No such .*webservr\nhint: did you mean "webserver"\?/, words.join(' '));
    assert.match((await orlop('history', 'debain:trixie')).stderr, /\nhint: did you mean "debian:trixie"\?/);
    assert.doesNotMatch((await orlop('rm', 'elephant')).stderr, /did you mean/);
    await orlop('rm', 'webserver');
  });

  test('run -d prints the id; ps, stop, wait, logs, rename and rm know the container', async () => {
    const { stdout: id } = await orlop('run', '-d', '--name', 'box', '-e', 'A=b', 'debian:trixie', 'sleep', '60');
    assert.match(id, /^[0-9a-f]{64}\n$/);
    assert.match((await orlop('ps')).stdout, /^CONTAINER ID +IMAGE .*\n[0-9a-f]{12} +debian:trixie +"sleep 60" .* Up .* box\n$/);
    assert.match((await orlop('ls')).stdout, /^CONTAINER ID +IMAGE +KIND .*\n[0-9a-f]{12} +debian:trixie +app +"sleep 60" .* Up .* box\n$/);
    assert.equal((await orlop('ps', '-q', '--no-trunc')).stdout, id);
    const again = await orlop('run', '-d', '--name', 'box', 'debian:trixie');
    assert.equal(again.code, 125);
    assert.match(again.stderr, /^orlop: Conflict\. The container name "\/box" is already in use/);
    assert.equal((await orlop('exec', 'box', 'echo', 'inside')).stdout, 'inside\n');
    assert.equal((await orlop('exec', 'box', 'fail', '9')).code, 9);
    assert.equal((await orlop('exec', 'box', 'missing')).code, 127);
    assert.equal((await fed('typed', 'exec', '-i', 'box', 'cat')).stdout, 'typed');
    assert.equal((await orlop('rm', 'box')).code, 1);
    assert.equal((await orlop('stop', 'box')).stdout, 'box\n');
    assert.equal((await orlop('wait', 'box')).stdout, '143\n');
    assert.equal((await orlop('rename', 'box', 'crate')).code, 0);
    assert.equal((await orlop('inspect', '-f', '{{.Name}} {{.State.ExitCode}}', 'crate')).stdout, '/crate 143\n');
    const gone = await orlop('rm', 'crate', 'never-there');
    assert.deepEqual([gone.code, gone.stdout], [1, 'crate\n']);
    assert.match(gone.stderr, /^orlop: No such container: never-there\nhint: /);
    assert.equal((await orlop('rm', '-f', 'never-there')).code, 0);
  });

  test('logs tells the streams apart, and follows to the end', async () => {
    await orlop('create', '--name', 'teller', 'debian:trixie', 'fail', '3');
    assert.equal((await orlop('start', '-a', 'teller')).code, 3);
    const { stdout, stderr } = await orlop('logs', 'teller');
    assert.deepEqual([stdout, stderr], ['', 'oops\n']);
    assert.match((await orlop('logs', '-f', '-t', '-n', '1', 'teller')).stderr, /^\d{4}-.*\.\d{9}Z oops\n$/);
    await orlop('rm', 'teller');
  });

  test('a signal goes to the process, whose end is ours', async () => {
    server.engine.signals.splice(0);
    const program = start('run', '--rm', '--name', 'listener', 'debian:trixie', 'sleep');
    await started(server, 'listener');
    program.child.kill('SIGINT');
    assert.equal((await program.ended).code, 130);
    assert.deepEqual(server.engine.signals.splice(0), ['INT']);
  });

  test('a reader that has had enough ends the program quietly', async () => {
    const command = `set -o pipefail; ${quote([...orlopCommand, 'run', '--help'])} | true`;
    const { code, stderr } = await runProgram(['bash', '-c', command], { env: env() });
    assert.ok(code === 0 || code === 141, String(code));
    assert.equal(stderr, '');
  });

  test('-t with input that is no terminal is refused in docker words', async () => {
    const { code, stderr } = await orlop('run', '-it', 'debian:trixie');
    assert.equal(code, 1);
    assert.match(stderr, /^orlop: the input device is not a TTY\n/);
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

  test('images: list, tag, import, inspect, remove', async () => {
    assert.match(
      (await orlop('images')).stdout,
      /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\ndebian +trixie +[0-9a-f]{12} +.* years ago +80MB\n/,
    );
    const imported = await fed(Buffer.alloc(300_000, 1), 'import', '-c', 'CMD ["/bin/sh"]', '-', 'made:here');
    assert.match(imported.stdout, /^sha256:[0-9a-f]{64}\n$/);
    assert.deepEqual(server.engine.imported, [{ bytes: 300_000, name: 'made:here', changes: ['CMD ["/bin/sh"]'] }]);
    assert.equal((await orlop('tag', 'made:here', 'team/made:too')).code, 0);
    assert.match((await orlop('rmi', 'team/made:too')).stdout, /Untagged: team\/made:too\n/);
    const empty = await fed('', 'import', '-');
    assert.deepEqual([empty.code, empty.stderr], [1, 'orlop: the archive is empty\n']);
    const directory = await orlop('import', '/');
    assert.deepEqual(
      [directory.code, directory.stderr],
      [1, 'orlop: cannot read /: it is a directory\nhint: tar -C / -c . | orlop import - NAME\n'],
    );
  });

  test('launch shows progress and prints the names', async () => {
    const { code, stdout, stderr } = await orlop('launch', 'debian/trixie', 'one', 'two');
    assert.deepEqual([code, stdout], [0, 'one\ntwo\n']);
    assert.match(stderr, /Preparing debian\/trixie\n/);
    assert.match((await orlop('ps', '--format', '{{.Names}} {{.Kind}}')).stdout, /^two system\none system\n$/);
    await orlop('rm', '-f', 'one', 'two');
    assert.equal((await orlop('template', 'build', '-q', 'debian/trixie')).stdout, 'debian:trixie\n');
    assert.match((await orlop('template', 'build', 'plan9')).stderr, /^orlop: no template plan9\nhint: /);
  });

  test('events go on until the time given', async () => {
    const { code, stdout } = await orlop('events', '--until', '1s');
    assert.deepEqual([code, stdout], [0, '']);
  });

  test("bad usage is one sentence, a hint, and docker's exit code", async () => {
    const cases: [string[], RegExp, number?][] = [
      [['run', '--nope', 'x'], /^orlop: unknown flag: --nope\nhint: usage: orlop run /],
      [['run', '-it', '--detach-keys', 'ctrl-', 'debian:trixie'], /^orlop: Invalid detach keys \(ctrl-\) provided\n/, 1],
      [['run', '-Z'], /^orlop: unknown shorthand flag: 'Z' in -Z\n/],
      [['run', '--use-api-socket', 'x'], /^orlop: orlop run --use-api-socket is not supported\nhint: mount the engine's socket/],
      [['run', '--nmae', 'x', 'y'], /^orlop: unknown flag: --nmae; did you mean "--name"\?\n/],
      [['run'], /^orlop: "orlop run" requires at least 1 argument\n/, 1],
      [['swarm', 'init'], /^orlop: orlop swarm is not supported\nhint: this engine is one machine/, 1],
      [['--context', 'far', 'ps'], /^orlop: contexts are not supported: say where far is with -H/, 1],
      [['run', '-d', '-a', 'stdout', 'x'], /^orlop: conflicting options: cannot specify both --attach and --detach\n/, 1],
      [['run', '--restart', 'foo', 'x'], /^orlop: invalid restart policy: unknown policy 'foo'/],
      [['create', '--restart', 'foo', 'x'], /^orlop: invalid restart policy: unknown policy 'foo'/, 1],
      [['create', '--rm', '--restart', 'always', 'x'], /^orlop: conflicting options: cannot specify both --restart and --rm\n/],
      [['create', '-v', 'foo:bar', 'x'], /^orlop: invalid volume specification: 'foo:bar'/, 1],
      [['create', '-e', '=y', 'x'], /^orlop: invalid argument "=y" for "-e, --env" flag/],
      [['update', '--restart', 'foo', 'x'], /^orlop: invalid restart policy: unknown policy 'foo'/, 1],
      [['frobnicate'], /^orlop: unknown command: frobnicate\n/, 1],
      [['ps', '--format', '{{range .}}'], /^orlop: template parsing error: unexpected EOF: \{\{range\}\} has no \{\{end\}\}\n/, 1],
      [['inspect', '-f', '{{', 'x'], /^orlop: template parsing error: unclosed action\n/, 64],
      [['-H', 'tcp://127.0.0.1:1', 'ps'], /^orlop: tcp:\/\/127\.0\.0\.1:1 is refused without TLS/, 1],
      [['contaner', 'ls'], /^orlop: unknown command: contaner; did you mean "orlop container ls"\?\n/, 1],
      [['run', '--env-file', '/nonexistent', 'x'], /^orlop: cannot read \/nonexistent: no such file\n/],
      [['cp', 'a', 'b'], /^orlop: one of source and destination must be in a container/, 1],
      [['network', 'create', '--gateway', '10.0.0.1', 'x'], /^orlop: invalid subnet: every ip-range/, 1],
      [['inspect', '--type', 'plugin', 'x'], /^orlop: "plugin" is not a valid value for --type\n/, 1],
    ];
    for (const [words, message, wanted = 125] of cases) {
      const { code, stderr } = await orlop(...words);
      assert.match(stderr, message);
      assert.equal(code, wanted, words.join(' '));
    }
  });

  test("prune asks in docker's words, and takes no answer for a no", async () => {
    await orlop('create', '--name', 'kept', 'debian:trixie');
    const question = 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ';
    for (const input of ['', 'n\n', 'yesno\n']) {
      const { code, stdout, stderr } = await fed(input, 'container', 'prune');
      assert.deepEqual([code, stdout, stderr], [0, question, '']);
    }
    const { stdout, stderr } = await fed('', 'container', 'prune', '--json');
    assert.deepEqual([stdout, stderr], ['', question]);
    await orlop('rm', 'kept');
  });

  test('without an engine every command says so', async () => {
    const { code, stderr } = await orlop('-H', 'unix:///nonexistent/orlop.sock', 'ps');
    assert.equal(code, 1);
    assert.match(stderr, /^orlop: cannot reach the engine at unix:\/\/\/nonexistent\/orlop\.sock\nhint: is orlopd running\?/);
    const run = await orlop('-H', 'unix:///nonexistent/orlop.sock', 'run', 'debian:trixie');
    assert.equal(run.code, 125);
  });
});

test('an engine that dies under run and logs -f is said in one sentence, and 125', async () => {
  await using server = await openFakeServer();
  const env = { ORLOP_HOST: server.host };
  const run = startProgram([...orlopCommand, 'run', '--name', 'orphan', 'debian:trixie', 'talk', 'born'], { env });
  await started(server, 'orphan');
  const logs = startProgram([...orlopCommand, 'logs', '-f', 'orphan'], { env });
  const exec = startProgram([...orlopCommand, 'exec', '-i', 'orphan', 'cat'], { env });
  await Promise.all([run.said('born'), logs.said('born')]);
  exec.child.stdin.write('alive');
  await exec.said('alive');
  await server.close();
  for (const program of [run, logs]) {
    const { code, stderr } = await program.ended;
    assert.match(stderr, /^orlop: the engine at unix:.* went away in the middle of an answer\nhint: containers keep running/);
    assert.equal(code, 125);
  }
  assert.notEqual((await exec.ended).code, 0);
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

/** The JSON documents of an output that is lines of them. */
function documents({ stdout, stderr }: ProgramEnd): ReturnType<typeof JSON.parse>[] {
  assert.match(stdout, /\n$/, stderr);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Resolves when the engine has started the container and its client has had an answer. */
async function started(server: FakeServer, name: string): Promise<void> {
  const stop = new AbortController();
  const isRunning = (): boolean => server.engine.containers.list({}).some((view) => view.name === name);
  const events = server.engine.events({}, stop.signal);
  const seen = (async () => {
    for await (const event of events) if (event.action === 'start' && event.attributes['name'] === name) return;
  })();
  if (!isRunning()) await seen;
  stop.abort();
  await seen;
}
