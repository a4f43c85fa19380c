import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand, startEngine, whyNot, type CommandOptions, type Outcome, type TestEngine } from '../system/harness.ts';
import { openDebianRegistry, user, whyNoRegistry } from './debian-registry.ts';
import { findDockerPlugin, makeDockerConfig } from './docker-plugins.ts';
import { findProgram } from './engine-home.ts';
import { startProgram } from './programs.ts';

const reason = whyNot();
const docker = findProgram('docker');
const isNew = docker !== null && !/version 20\./.test(execFileSync(docker, ['--version']).toString());
const buildx = reason === false && isNew ? findDockerPlugin('docker-buildx') : null;
const compose = buildx === null ? null : findDockerPlugin('docker-compose');
/** Debian's docker, which has BuildKit's client built in. */
const old = ['/usr/bin/docker', docker ?? ''].find(
  (path) => existsSync(path) && /version 20\./.test(execFileSync(path, ['--version']).toString()),
);

const Dockerfile = `FROM busybox AS first
RUN exit 1
FROM busybox AS last
ARG WHO=nobody
COPY a* sub/ /in/
RUN echo $WHO > /out; cat /in/b
CMD ["cat", "/out"]
`;

describe("builds by BuildKit's clients", { skip: reason }, () => {
  let engine: TestEngine;
  let context: string;
  let config: string;
  const run = (options: CommandOptions, ...args: string[]): Promise<Outcome> =>
    runCommand(docker ?? 'docker', args, { ...options, env: { DOCKER_HOST: engine.host, DOCKER_CONFIG: config, ...options.env } });
  const build = (options: CommandOptions, ...args: string[]): Promise<Outcome> =>
    run(options, 'build', '--progress', 'plain', '--network', 'none', ...args);
  const write = (name: string, text: string): string => {
    writeFileSync(join(engine.root, name), text);
    return join(engine.root, name);
  };
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    config = makeDockerConfig(
      engine.root,
      [buildx, compose].filter((plugin) => plugin !== null),
    );
    context = mkdtempSync(join(engine.root, 'context-'));
    mkdirSync(join(context, 'sub'));
    for (const [path, text] of Object.entries({ Dockerfile, 'a.txt': 'a', 'sub/b': 'b', '.dockerignore': 'secret\n', secret: 's' }))
      writeFileSync(join(context, path), text);
    symlinkSync('/etc/shadow', join(context, 'sub/link'));
  });
  after(() => engine[Symbol.asyncDispose]());

  describe('buildx', {
    skip: buildx === null ? 'docker >= 23 with buildx is not here, and cannot be had from Debian (docker-buildx)' : false,
  }, () => {
    test('draws steps, finds the same again in the cache, and answers with the image', async () => {
      const metadata = join(engine.root, 'metadata.json');
      const first = await build({}, '-t', 'mine:1', '-t', 'mine:2', '--build-arg', 'WHO=me', '--metadata-file', metadata, context);
      assert.equal(first.code, 0, first.stderr);
      for (const line of [
        /^#\d+ \[internal\] load build definition from Dockerfile$/m,
        /^#\d+ \[last 1\/3\] FROM busybox AS last$/m,
        /^#\d+ \[last 3\/3\] RUN echo \$WHO > \/out; cat \/in\/b$/m,
        /^#\d+ [\d.]+ b$/m,
        /^#\d+ exporting to image$/m,
        /^#\d+ naming to mine:2 /m,
      ])
        assert.match(first.stderr, line);
      const id = (await engine.must('images', '--no-trunc', '-q', 'mine:1')).trim();
      assert.equal((JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, string>)['containerimage.config.digest'], id);
      assert.equal((await run({}, 'run', '--rm', '--network', 'none', 'mine:2')).stdout, 'me\n');
      const again = await build({}, '--build-arg', 'WHO=me', context);
      assert.match(again.stderr, /^#\d+ CACHED$/m);
      assert.equal((await run({}, 'build', '-q', '--network', 'none', '--build-arg', 'WHO=me', context)).stdout.trim(), id);
    });

    test('what fails is told with the place in the Dockerfile', async () => {
      const cases: readonly (readonly [input: string, words: RegExp])[] = [
        ['FROM busybox\nRUN exit 7\n', /process "\/bin\/sh -c exit 7" did not complete successfully: exit code: 7$/m],
        ['FROM busybox\nRUM true\n', /dockerfile parse error on line 2: unknown instruction: RUM/],
        ['FROM busybox\nCOPY secret /\n', /^ERROR: .*"\/?secret": not found$/m],
      ];
      for (const [input, words] of cases) {
        const outcome = await build({ input }, '-f', '-', context);
        assert.equal(outcome.code, 1, outcome.stderr);
        assert.match(outcome.stderr, words);
        assert.match(outcome.stderr, /^ +2 \| >>> (?:RUN exit 7|RUM true|COPY secret \/)$/m);
      }
      assert.match((await build({}, '-f', join(context, 'none'), context)).stderr, /no such file or directory/);
    });

    test('contexts come from standard input, by name, and through links that lead nowhere outside', async () => {
      const archive = join(engine.root, 'context.tar');
      execFileSync('tar', ['-C', context, '-cf', archive, '.']);
      const piped = await runCommand('sh', ['-c', 'docker build --progress plain --network none -t piped - < "$0"', archive], {
        env: { DOCKER_HOST: engine.host, DOCKER_CONFIG: config },
      });
      assert.equal(piped.code, 0, piped.stderr);
      const named = write('named', 'FROM base\nCOPY --from=other b /other\nRUN cat /other; readlink /in/link\n');
      const flags = ['--build-context', `other=${join(context, 'sub')}`, '--build-context', 'base=docker-image://piped', '-f', named];
      const outcome = await build({}, ...flags, context);
      assert.match(outcome.stderr, /^#\d+ [\d.]+ b\/etc\/shadow$/m);
    });

    test('many files and large ones arrive as they are', async () => {
      const big = mkdtempSync(join(engine.root, 'big-'));
      for (let number = 0; number < 500; number++) writeFileSync(join(big, `file-${number}`), String(number).repeat(number));
      writeFileSync(join(big, 'large'), Buffer.alloc(20_000_000, 'orlop'));
      writeFileSync(join(big, 'Dockerfile'), 'FROM busybox\nCOPY . /all\nRUN cat /all/* | sha256sum\n');
      const sum = execFileSync('sh', ['-c', 'LC_ALL=C; cat * | sha256sum'], { cwd: big }).toString().split(' ')[0];
      const outcome = await build({ timeoutMs: 100_000 }, big);
      assert.match(outcome.stderr, new RegExp(`^#\\d+ [\\d.]+ ${sum}`, 'm'));
    });

    test('secrets are there for the step that names them and nowhere else', async () => {
      const file = write('token', 'hidden words');
      const using = write(
        'secrets',
        'FROM busybox\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token\nRUN ls /run/secrets 2>/dev/null || echo none\n',
      );
      const outcome = await build({}, '--secret', `id=token,src=${file}`, '-t', 'secretive', '-f', using, context);
      assert.match(outcome.stderr, /^#\d+ [\d.]+ 12$/m);
      assert.match(
        (await build({}, '--no-cache', '-f', write('needs', 'FROM busybox\nRUN --mount=type=secret,id=t,required true\n'), context)).stderr,
        /secret t: not found/,
      );
    });

    test("steps reach the client's agent", {
      skip: findProgram('ssh-agent') === null ? 'ssh-agent is not installed (Debian package openssh-client)' : false,
    }, async () => {
      const agent = join(engine.root, 'agent');
      const child = startProgram([findProgram('ssh-agent') ?? '', '-D', '-a', agent]);
      try {
        while (!existsSync(agent)) await delay(20);
        const using = write('agent-file', 'FROM busybox\nRUN --mount=type=ssh,required test -S $SSH_AUTH_SOCK && echo reached\n');
        assert.match((await build({}, '--ssh', `default=${agent}`, '-f', using, context)).stderr, /^#\d+ [\d.]+ reached$/m);
        assert.match((await build({}, '--no-cache', '-f', using, context)).stderr, /no SSH key "default" forwarded from the client/);
      } finally {
        child.child.kill('SIGTERM');
        await child.ended;
      }
    });

    test('results are handed out as files and as an archive', async () => {
      const out = join(engine.root, 'out');
      const files = await build({}, '-o', out, context);
      assert.equal(files.code, 0, files.stderr);
      assert.equal(readFileSync(join(out, 'out'), 'utf8'), 'nobody\n');
      assert.deepEqual(readdirSync(join(out, 'in')), ['a.txt', 'b', 'link']);
      const archive = join(engine.root, 'out.tar');
      assert.equal((await build({}, '-o', `type=tar,dest=${archive}`, context)).code, 0);
      assert.match(execFileSync('tar', ['-tf', archive]).toString(), /^in\/a\.txt$/m);
    });

    test('a step that says very much is cut short, and its build is told to the end', async () => {
      const loud = write('loud', 'FROM busybox\nRUN yes abcdefghijklmnopqrstuvwxyz | head -c 30000000\n');
      const outcome = await build({}, '-t', 'loud', '-f', loud, context);
      assert.equal(outcome.code, 0, outcome.stderr.slice(-500));
      assert.match(outcome.stderr, /output clipped, log limit 2MiB reached[^]*naming to loud/);
    });

    test('what was built is listed, and forgotten when that is asked for', async () => {
      const listed = async (): Promise<{ ref: string; status: string }[]> => {
        const { code, stdout, stderr } = await run({}, 'buildx', 'history', 'ls', '--format', 'json');
        assert.equal(code, 0, stderr);
        return stdout
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as { ref: string; status: string });
      };
      const failing = write('failing', 'FROM busybox\nRUN echo the last words; exit 3\n');
      assert.equal((await build({}, '-f', failing, context)).code, 1);
      const [last, ...others] = await listed();
      assert.equal(last?.status, 'Error');
      assert.ok(others.some(({ status }) => status === 'Completed'));
      const ref = last?.ref.split('/').at(-1) ?? '';
      assert.match(
        (await run({}, 'buildx', 'history', 'logs', ref)).stderr,
        /RUN echo the last words; exit 3\n#\d+ [\d.]+ the last words\n#\d+ ERROR/,
      );
      const forgotten = await run({}, 'buildx', 'history', 'rm', ref);
      assert.equal(forgotten.code, 0, forgotten.stderr);
      assert.equal((await listed()).length, others.length);
    });

    test('what can be built, and what it takes, is told without building', async () => {
      const file = write(
        'described',
        `# first makes it\nFROM nobody.invalid/x AS first\n# N is a number\nARG N=1\nRUN --mount=type=secret,id=s\${N},required false\n`,
      );
      const targets = await build({}, '--call', 'targets', '-f', file, context);
      assert.match(targets.stdout, /^first \(default\) +makes it$/m, targets.stderr);
      const outline = await build({}, '--call', 'outline', '--build-arg', 'N=2', '-f', file, context);
      assert.match(outline.stdout, /^N +2 +is a number$/m, outline.stderr);
      assert.match(outline.stdout, /^s2 +true$/m);
      assert.match((await build({}, '--call', 'subrequests.describe', context)).stdout, /^outline +1\.0\.0/m);
      assert.match(await engine.must('build', '--call', 'outline', '--build-arg', 'N=2', '-f', file, context), /^s2 +true$/m);
      assert.match(
        await engine.must('build', '--call', 'targets', '-f', file, context),
        /^first \(default\) +nobody\.invalid\/x +makes it$/m,
      );
    });

    test('checks are answered without building', async () => {
      const doubtful = write('doubtful', 'FROM busybox as x\nRUN exit 1\n');
      const checked = await build({}, '--check', '-f', doubtful, context);
      assert.match(checked.stdout, /^WARNING: FromAsCasing - https/m);
      assert.equal((await build({}, '--check', context)).code, 0);
    });

    test('what is not here is refused by name', async () => {
      for (const [flags, words] of [
        [['--cgroup-parent', 'x'], /parent cgroup/],
        [['--call', 'other'], /--call=other/],
      ] as const) {
        const outcome = await build({}, ...flags, context);
        assert.equal(outcome.code, 1);
        assert.match(outcome.stderr, words);
      }
      const unused = await build({}, '--cache-from', 'nobody.invalid/x', context);
      assert.equal(unused.code, 0);
      assert.match(unused.stderr, /the cache of nobody\.invalid\/x is not used/);
    });

    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      test(`a client that ends by ${signal} gives its step up, and only its own`, async () => {
        const file = write('sleeps', 'FROM busybox\nARG N\nRUN echo begun; sleep $N; echo over\n');
        const env = { DOCKER_HOST: engine.host, DOCKER_CONFIG: config };
        // The plugin by itself: a signal for docker may not reach it.
        const flags = ['build', '--progress', 'plain', '--network', 'none', '-f', file, '--no-cache'];
        const start = (seconds: string) => startProgram([buildx ?? '', ...flags, '--build-arg', `N=${seconds}`, context], { env });
        // Nobody else on this machine sleeps as long.
        const long = String(100_000 + process.pid);
        const [doomed, lasting] = [start(long), start('3')];
        await Promise.all([doomed.said(' begun\n'), lasting.said(' begun\n')]);
        doomed.child.kill(signal);
        await doomed.ended;
        assert.equal((await lasting.ended).code, 0);
        assert.match(lasting.heard.stderr, /^#\d+ [\d.]+ over$/m);
        for (const deadline = Date.now() + 20_000; isSleeping(long); await delay(50)) assert.ok(Date.now() < deadline, 'the step goes on');
      });
    }

    const isSleeping = (seconds: string): boolean =>
      readdirSync('/proc').some((pid) => {
        if (!/^\d+$/.test(pid)) return false;
        try {
          return (
            readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes('orlop') &&
            readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${seconds}\0`
          );
        } catch {
          return false;
        }
      });

    test("the client's logins reach registries: base images are pulled with them, results pushed", { skip: whyNoRegistry() }, async () => {
      await using registry = await openDebianRegistry({ users: true });
      const name = `${registry.host}/pushed:1`;
      assert.match((await build({}, '--push', '-t', name, context)).stderr, /denied|authori[sz]/);
      await run({ input: user.password }, 'login', '--username', user.username, '--password-stdin', registry.host);
      const pushed = await build({}, '--push', '-t', name, context);
      assert.equal(pushed.code, 0, pushed.stderr);
      await run({}, 'rmi', name);
      const using = write('private', `FROM ${name}\nRUN cat /out\n`);
      assert.match((await build({}, '-f', using, context)).stderr, /^#\d+ [\d.]+ nobody$/m);
      await run({}, 'rmi', name);
      await run({}, 'logout', registry.host);
      assert.match((await build({}, '-f', using, context)).stderr, /access denied/);
    });

    test('what builds keep is shown and cleared', async () => {
      assert.match((await run({}, 'buildx', 'du')).stdout, /^Total:\s+[1-9]/m);
      assert.equal((await run({}, 'buildx', 'prune', '-af')).code, 0);
      assert.match((await run({}, 'buildx', 'du')).stdout, /^Total:\s+0B/m);
    });

    test('bake builds several targets from directories that they share', async () => {
      const bake = `target "a" {\n  context = ${JSON.stringify(context)}\n  tags = ["baked:a"]\n  network = "none"\n}\ntarget "b" {\n  inherits = ["a"]\n  args = { WHO = "b" }\n  tags = ["baked:b"]\n}\n`;
      const outcome = await run({}, 'buildx', 'bake', '--allow', 'fs=*', '-f', write('docker-bake.hcl', bake), 'a', 'b');
      assert.equal(outcome.code, 0, outcome.stderr);
      assert.equal((await run({}, 'run', '--rm', '--network', 'none', 'baked:b')).stdout, 'b\n');
      assert.equal((await run({}, 'run', '--rm', '--network', 'none', 'baked:a')).stdout, 'nobody\n');
    });
  });

  describe('compose', { skip: compose === null ? 'docker-compose 2 is not here, and cannot be had from Debian' : false }, () => {
    for (const bake of ['true', 'false']) {
      test(`builds what its services need, ${bake === 'true' ? 'with' : 'without'} bake`, async () => {
        const project = mkdtempSync(join(engine.root, 'project-'));
        writeFileSync(join(project, 'token'), 'x');
        writeFileSync(
          join(project, 'Dockerfile'),
          'FROM busybox\nARG A\nRUN --mount=type=secret,id=token echo $A$(cat /run/secrets/token) > /a\nCMD ["cat", "/a"]\n',
        );
        const file = `name: p${bake}\nservices:\n  one:\n    build: { context: ., network: none, args: { A: first }, secrets: [token] }\n    network_mode: none\nsecrets:\n  token: { file: ./token }\n`;
        writeFileSync(join(project, 'compose.yaml'), file);
        const env = { COMPOSE_BAKE: bake };
        const outcome = await run({ cwd: project, env }, 'compose', 'build');
        assert.equal(outcome.code, 0, outcome.stderr);
        assert.equal((await run({}, 'run', '--rm', '--network', 'none', `p${bake}-one`)).stdout, 'firstx\n');
      });
    }
  });

  test('a client without a session sends its context with the request', {
    skip: findProgram('curl') === null ? 'curl is not installed' : false,
  }, async () => {
    const script = `tar -C "$1" -c . | curl -sS --unix-socket "$0" -X POST -H 'Content-Type: application/x-tar' --data-binary @- "http://engine/v1.45/build?$2"`;
    const post = (query: string): Promise<Outcome> => runCommand('sh', ['-c', script, engine.socket, context, query]);
    const lines = (await post('version=2&t=posted&networkmode=none')).stdout.trim().split(/\r?\n/);
    const { id, aux } = JSON.parse(lines.at(-1) ?? '') as { id: string; aux: { ID: string } };
    assert.equal(id, 'moby.image.id');
    assert.equal((await engine.must('images', '--no-trunc', '-q', 'posted')).trim(), aux.ID);
    assert.match((await post('version=2&remote=client-session')).stdout, /the client has no session/);
    assert.match((await post('version=2&session=none')).stdout, /no active session for none/);
  });

  describe('docker before it had plugins for builds', {
    skip: old === undefined ? 'docker 20.10 is not installed (Debian package docker.io)' : false,
  }, () => {
    const build20 = (...args: string[]): Promise<Outcome> =>
      runCommand(old ?? '', ['build', '--progress', 'plain', '--network', 'none', ...args], {
        env: { DOCKER_HOST: engine.host, DOCKER_CONFIG: makeDockerConfig(engine.root, []), DOCKER_BUILDKIT: '1' },
      });

    test('builds by a session of its own', async () => {
      const file = write('token', 'hidden words');
      const using = write('old', 'FROM busybox\nCOPY a.txt /\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token\n');
      const outcome = await build20('-t', 'old:1', '--secret', `id=token,src=${file}`, '-f', using, context);
      assert.equal(outcome.code, 0, outcome.stderr);
      assert.match(outcome.stderr, /^#\d+ [\d.]+ 12$/m);
      assert.match(outcome.stderr, /naming to old:1/);
      const piped = `tar -C "$1" -c . | "$0" build --progress plain --network none -t old:2 -`;
      const env = { DOCKER_HOST: engine.host, DOCKER_CONFIG: makeDockerConfig(engine.root, []), DOCKER_BUILDKIT: '1' };
      const sent = await runCommand('sh', ['-c', piped, old ?? '', context], { env });
      assert.match(sent.stderr, /naming to old:2/);
      const out = join(engine.root, 'old-out');
      assert.equal((await build20('-o', out, context)).code, 0);
      assert.equal(readFileSync(join(out, 'in/a.txt'), 'utf8'), 'a');
      const bad = await build20('-f', write('bad', 'FROM busybox\nRUN exit 7\n'), context);
      assert.notEqual(bad.code, 0);
      assert.match(bad.stderr, /exit code: 7/);
    });
  });
});
