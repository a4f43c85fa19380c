import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openFakeServer, started, type FakeServer } from './fake-server.ts';
import { orlopCommand, quote, runProgram, startProgram, type ProgramEnd, type RunningProgram } from './programs.ts';

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

  test("pull tells on the standard output what docker's does, and run on the standard error", async () => {
    const pulled = await orlop('pull', 'hello');
    assert.match(
      pulled.stdout,
      /^Using default tag: latest\n(?:\S+: .+\n)+Digest: sha256:\S+\nStatus: Downloaded newer image for hello:latest\ndocker\.io\/library\/hello:latest\n$/,
    );
    assert.equal(pulled.stderr, '');
    assert.match(
      (await orlop('pull', 'hello:latest')).stdout,
      /^(?!Using default tag)[^]*\nStatus: Image is up to date for hello:latest\n/,
    );
    assert.equal((await orlop('pull', '-q', 'hello')).stdout, 'docker.io/library/hello:latest\n');
    const told = await orlop('pull', '--json', 'hello');
    assert.match(told.stderr, /^Status: Image is up to date/m);
    assert.equal(documents(told)[0].Name, 'docker.io/library/hello:latest');
    await orlop('rmi', 'hello');
    const { stdout, stderr } = await orlop('run', '--rm', 'hello:latest');
    assert.equal(stdout, 'from image\n', stderr);
    assert.match(stderr, /^Unable to find image 'hello:latest' locally\n[^]*\nStatus: Downloaded newer image for hello:latest\n$/);
    await orlop('rmi', 'hello');
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
      [['--context', 'far', 'ps'], /^orlop: context "far" does not exist\nhint: see them all with: orlop context ls/, 1],
      [['--context', 'far', '-H', 'unix:///x', 'ps'], /^orlop: conflicting options: cannot specify both --host and --context/, 1],
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

/** The JSON documents of an output that is lines of them. */
function documents({ stdout, stderr }: ProgramEnd): ReturnType<typeof JSON.parse>[] {
  assert.match(stdout, /\n$/, stderr);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
