import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openFakeServer, type FakeServer } from './fake-server.ts';
import { quote, runProgram, startInTerminal, startProgram, type ProgramEnd } from './programs.ts';

const missing = dockerMissing();

function dockerMissing(): string | false {
  try {
    execFileSync('docker', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'no docker command line is installed (apt-get install docker-cli)';
  }
}

describe("docker's own command line works with our API", { skip: missing }, () => {
  let server: FakeServer;
  let config = '';
  before(async () => {
    server = await openFakeServer();
    config = mkdtempSync(join(tmpdir(), 'orlop-docker-config-'));
  });
  after(async () => {
    await server.close();
    rmSync(config, { recursive: true, force: true });
  });
  const env = (): Record<string, string> => ({ DOCKER_HOST: server.host, DOCKER_CONFIG: config });
  const docker = (...words: string[]): Promise<ProgramEnd> => runProgram(['docker', ...words], { env: env() });
  const fed = (input: string | Uint8Array, ...words: string[]): Promise<ProgramEnd> =>
    runProgram(['docker', ...words], { env: env(), input });

  test('version and info are understood', async () => {
    const version = await docker('version', '--format', '{{.Server.Version}} {{.Server.APIVersion}} {{.Server.Os}}/{{.Server.Arch}}');
    assert.deepEqual([version.code, version.stdout], [0, '0.1.0 1.51 linux/amd64\n']);
    const info = await docker('info', '--format', '{{.ServerVersion}} {{.Driver}} {{.DefaultRuntime}} {{.MemTotal}} {{.NCPU}}');
    assert.deepEqual([info.code, info.stdout], [0, '0.1.0 overlay2 orlop 8000000000 2\n']);
  });

  test('run: output told apart, exit codes, input, removal', async () => {
    const good = await docker('run', '--rm', 'debian:trixie', 'echo', 'hello');
    assert.deepEqual([good.code, good.stdout, good.stderr], [0, 'hello\n', '']);
    const bad = await docker('run', '--rm', 'debian:trixie', 'fail', '7');
    assert.deepEqual([bad.code, bad.stdout, bad.stderr], [7, '', 'oops\n']);
    assert.equal((await fed('one\ntwo\n', 'run', '-i', '--rm', 'debian:trixie', 'cat')).stdout, 'one\ntwo\n');
    const much = 'y'.repeat(2 ** 20);
    assert.equal((await fed(much, 'run', '-i', '--rm', 'debian:trixie', 'cat')).stdout.length, much.length);
    assert.equal((await docker('run', '--rm', 'debian:trixie', 'missing')).code, 127);
    assert.equal((await docker('run', '--rm', 'debian:trixie', 'noexec')).code, 126);
    assert.deepEqual(server.engine.containers.list({ all: true }), []);
  });

  test('what cannot be done is refused by name', async () => {
    const isolated = await docker('run', '--isolation', 'hyperv', 'debian:trixie');
    assert.match(isolated.stderr, /isolation/i);
    assert.equal(isolated.code, 125);
    const pull = await docker('run', 'alpine');
    assert.equal(pull.code, 125);
    assert.match(pull.stderr, /image alpine:latest is not in the registry docker\.io/);
  });

  test('a container’s life: run -d, ps, exec, logs, inspect, stop, wait, rename, rm', async () => {
    const { stdout: id } = await docker('run', '-d', '--name', 'box', '--label', 'a=b', 'debian:trixie', 'sleep', '60');
    assert.match(id, /^[0-9a-f]{64}\n$/);
    assert.equal(
      (await docker('ps', '--no-trunc', '--format', '{{.ID}} {{.Names}} {{.Command}} {{.State}}')).stdout,
      `${id.trim()} box "sleep 60" running\n`,
    );
    assert.match(
      (await docker('run', '-d', '--name', 'box', 'debian:trixie')).stderr,
      /Conflict\. The container name "\/box" is already in use/,
    );
    assert.equal((await docker('exec', 'box', 'echo', 'inside')).stdout, 'inside\n');
    assert.equal((await docker('exec', 'box', 'fail', '9')).code, 9);
    assert.equal((await docker('exec', 'box', 'missing')).code, 127);
    assert.equal((await docker('exec', '-d', 'box', 'echo', 'x')).code, 0);
    assert.equal((await fed('typed', 'exec', '-i', 'box', 'cat')).stdout, 'typed');
    assert.equal((await docker('top', 'box')).stdout, 'PID                 CMD\n4321                sleep 60\n');
    assert.match((await docker('rm', 'box')).stderr, /cannot remove container "\/box": container is running/);
    assert.equal(
      (await docker('inspect', '-f', '{{.State.Running}} {{.Config.Labels.a}} {{.HostConfig.NetworkMode}}', 'box')).stdout,
      'true b bridge\n',
    );
    assert.equal((await docker('pause', 'box')).code, 0);
    assert.equal((await docker('unpause', 'box')).code, 0);
    assert.equal((await docker('stop', 'box')).stdout, 'box\n');
    assert.equal((await docker('wait', 'box')).stdout, '143\n');
    assert.equal((await docker('rename', 'box', 'crate')).code, 0);
    assert.match((await docker('ps', '-a', '--format', '{{.Names}} {{.Status}}')).stdout, /^crate Exited \(143\) /);
    assert.equal((await docker('rm', 'crate')).stdout, 'crate\n');
    assert.match((await docker('rm', 'crate')).stderr, /No such container: crate/);
  });

  test('logs, with times and from the end', async () => {
    await docker('run', '--name', 'teller', 'debian:trixie', 'echo', 'said');
    assert.equal((await docker('logs', 'teller')).stdout, 'said\n');
    assert.match((await docker('logs', '-t', '-f', '--tail', '1', 'teller')).stdout, /^\d{4}-\d\d-\d\dT.*Z said\n$/);
    await docker('rm', 'teller');
  });

  test('in a terminal: first and next size, and ctrl-P ctrl-Q', async () => {
    const run = quote(['docker', 'run', '-it', '--name', 'screen', 'debian:trixie', 'sizes']);
    const program = startInTerminal(`stty rows 31 cols 97; tty; ${run}`, { env: env() });
    await program.said('now 31 97');
    const terminal = /\/dev\/pts\/\d+/.exec(program.heard.stdout)?.[0] ?? '';
    execFileSync('stty', ['-F', terminal, 'rows', '40', 'cols', '132']);
    await program.said('now 40 132');
    program.child.stdin.write('\u0010\u0011');
    await program.ended;
    assert.deepEqual(server.engine.created.at(-1)?.consoleSize, [31, 97]);
    assert.equal(server.engine.containers.inspect('screen').status, 'running');
    await docker('rm', '-f', 'screen');
  });

  test('images: list, import, tag, history, inspect, rmi', async () => {
    assert.match((await docker('images', '--format', '{{.Repository}}:{{.Tag}} {{.Size}}')).stdout, /^debian:trixie 80MB\n/);
    assert.match((await fed(Buffer.alloc(300_000, 1), 'import', '-c', 'CMD ["sh"]', '-', 'made:here')).stdout, /^sha256:[0-9a-f]{64}\n$/);
    assert.deepEqual(server.engine.imported.at(-1), { bytes: 300_000, name: 'made:here', changes: ['CMD ["sh"]'] });
    assert.match((await fed('', 'import', '-')).stderr, /the archive is empty/);
    assert.equal((await docker('tag', 'made:here', 'team/made:too')).code, 0);
    assert.equal((await docker('history', '--format', '{{.CreatedBy}}', 'made:here')).stdout, 'mmdebstrap\n');
    assert.equal((await docker('image', 'inspect', '-f', '{{.Os}} {{.RootFS.Type}}', 'made:here')).stdout, 'linux layers\n');
    assert.match((await docker('rmi', 'team/made:too')).stdout, /Untagged: team\/made:too\n/);
  });

  test('registries: pull, run of what is missing, push, login', async () => {
    assert.match((await docker('pull', 'hello')).stdout, /^Status: Downloaded newer image for hello:latest$/m);
    assert.match((await docker('pull', 'hello')).stdout, /^Status: Image is up to date for hello:latest$/m);
    await docker('rmi', 'hello');
    assert.match((await docker('run', '--rm', 'hello:latest')).stdout, /^from image$/m);
    assert.match((await docker('push', 'hello')).stdout, /^latest: digest: sha256:d{64} size: 1234$/m);
    assert.match((await docker('login', '-u', 'jo', '-p', 'geheim')).stdout, /Login Succeeded/);
    assert.match((await docker('login', '-u', 'jo', '-p', 'falsch')).stderr, /access denied/);
    await docker('logout');
  });

  test('events arrive as they happen', async () => {
    const watching = startProgram(['docker', 'events', '--format', '{{.Type}} {{.Action}}'], { env: env() });
    const stop = new AbortController();
    // Events have no end of their own: make some until the first is seen.
    const made = (async () => {
      for (let turn = 0; turn < 20 && !stop.signal.aborted; turn++) await docker('run', '--rm', 'debian:trixie', 'echo');
    })();
    await watching.said('container die');
    stop.abort();
    await made;
    watching.child.kill('SIGTERM');
    await watching.ended;
  });
});
