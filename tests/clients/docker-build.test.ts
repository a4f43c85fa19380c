import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand, startEngine, whyNot, type CommandOptions, type Outcome, type TestEngine } from '../system/harness.ts';
import { findProgram } from './engine-home.ts';

const docker = findProgram('docker');
const classic = { DOCKER_BUILDKIT: '0' };

function whyNoPython(): string | false {
  try {
    execFileSync('python3', ['-c', 'import docker'], { stdio: 'ignore' });
    return false;
  } catch {
    return "Docker's library for Python is not installed (python3-docker)";
  }
}

const Dockerfile = `FROM busybox AS first
RUN exit 1
FROM busybox AS last
ARG WHO=nobody
COPY a* sub/ /in/
RUN echo $WHO > /out; grep friend /etc/hosts | cut -f1 >> /out; echo 64M >> /out
CMD ["cat", "/out"]
`;

describe("builds for Docker's clients", { skip: whyNot() }, () => {
  let engine: TestEngine;
  let context: string;
  const run = (options: CommandOptions, ...args: string[]): Promise<Outcome> =>
    runCommand(docker ?? 'docker', ['-H', engine.host, ...args], { ...options, env: { ...classic, ...options.env } });
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    context = mkdtempSync(join(engine.root, 'context-'));
    mkdirSync(join(context, 'sub'));
    for (const [path, text] of Object.entries({ Dockerfile, 'a.txt': 'a', 'sub/b': 'b', '.dockerignore': 'secret\n', secret: 's' }))
      writeFileSync(join(context, path), text);
  });
  after(() => engine[Symbol.asyncDispose]());

  describe('the command line', { skip: docker === null ? 'docker is not installed (docker.io or docker-cli)' : false }, () => {
    test('docker build tells its steps, and the same again from the cache', async () => {
      const first = await run({}, 'build', '--network', 'none', '-t', 'mine:1', '-t', 'mine:2', '--build-arg', 'WHO=me', context);
      assert.equal(first.code, 0, first.stderr);
      for (const line of [
        /^Step 1\/7 : FROM busybox AS last$|^Step 1\/5 : FROM busybox AS last$/m,
        /^ ---> Running in [0-9a-f]{12}$/m,
        /^Removing intermediate container [0-9a-f]{12}$/m,
        /^Successfully built [0-9a-f]{12}$/m,
        /^Successfully tagged mine:1\nSuccessfully tagged mine:2$/m,
      ])
        assert.match(first.stdout, line);
      const again = await run({}, 'build', '--network', 'none', '--build-arg', 'WHO=me', '-q', context);
      const id = (await engine.must('images', '--no-trunc', '-q', 'mine:1')).trim();
      assert.equal(again.stdout.trim(), id);
      const shown = await run({}, 'build', '--network', 'none', '--build-arg', 'WHO=me', context);
      assert.match(shown.stdout, /^ ---> Using cache$/m);
    });

    test('what fails ends with the code of the step, and in words that people know', async () => {
      const cases: readonly (readonly [input: string, code: number, words: RegExp])[] = [
        ['FROM busybox\nRUN exit 7\n', 7, /^The command '\/bin\/sh -c exit 7' returned a non-zero code: 7$/m],
        ['FROM busybox\nRUN echo $NOTHING && nothing-like-it\n', 127, /returned a non-zero code: 127$/m],
        ['FROM busybox\nRUM true\n', 1, /dockerfile parse error on line 2: unknown instruction: RUM/],
        ['FROM busybox AS a\nFROM nobody.invalid/none\n', 1, /nobody\.invalid/],
      ];
      for (const [input, code, words] of cases) {
        const outcome = await run({ input }, 'build', '--network', 'none', '-');
        assert.equal(outcome.code, code, outcome.stderr);
        assert.match(outcome.stderr, words);
      }
      writeFileSync(join(context, 'missing'), 'FROM busybox\nCOPY secret /\n');
      const missing = await run({}, 'build', '--network', 'none', '-f', join(context, 'missing'), context);
      assert.match(
        missing.stderr,
        /^COPY failed: file not found in build context or excluded by \.dockerignore: stat secret: file does not exist$/m,
      );
    });

    test('docker builder prune and system df know what is kept', async () => {
      assert.match((await run({}, 'system', 'df')).stdout, /^Build Cache +[1-9]/m);
      assert.match((await run({}, 'builder', 'prune', '-af')).stdout, /Total reclaimed space/);
      assert.match((await run({}, 'system', 'df')).stdout, /^Build Cache +0/m);
      assert.equal((await run({}, 'run', '--rm', '--network', 'none', 'mine:1')).stdout, 'me\n64M\n');
    });

    test('what only BuildKit has is refused by name', async () => {
      const outcome = await engine.orlop('build', '--cgroup-parent', 'x', context);
      assert.notEqual(outcome.code, 0);
      assert.match(outcome.stderr, /--cgroup-parent is not supported/);
    });
  });

  test("Docker's library for Python", { skip: whyNoPython() }, async () => {
    const script = fileURLToPath(new URL('docker-build.py', import.meta.url));
    const outcome = await runCommand('python3', [script, engine.host, context]);
    assert.equal(outcome.stdout, 'fine\n', outcome.stderr);
  });
});
