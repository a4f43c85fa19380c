import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand, startEngine, whyNot, type TestEngine } from '../system/harness.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** Archives are judged by programs that nobody here wrote. */
describe('archives of images and containers', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let scratch: string;
  const must = async (file: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(file, args);
    assert.equal(code, 0, `${file} ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const docker = (...args: string[]): Promise<string> => must('docker', '-H', engine.host, ...args);
  /** With stores of its own. */
  const podman = (...args: string[]): Promise<string> =>
    must('podman', '--root', join(scratch, 'podman'), '--runroot', join(scratch, 'podman-run'), '--storage-driver', 'vfs', ...args);
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'orlop-archives-'));
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('podman loads what we save, with the same id, and we load what podman saves', {
    skip: has('podman') ? false : 'podman is not installed',
  }, async () => {
    await engine.must('tag', 'busybox', 'example.org/moved:1');
    const [ours, theirs] = [join(scratch, 'ours.tar'), join(scratch, 'theirs.tar')];
    await engine.must('save', '-o', ours, 'example.org/moved:1');
    assert.match(await podman('load', '-i', ours), /example\.org\/moved:1/);
    const id = (await engine.must('inspect', '-f', '{{.Id}}', 'example.org/moved:1')).trim();
    assert.equal(await podman('images', '-q', '--no-trunc'), id);
    for (const format of ['docker-archive', 'oci-archive']) {
      rmSync(theirs, { force: true });
      await podman('save', '--format', format, '-o', theirs, 'example.org/moved:1');
      await engine.must('rmi', 'example.org/moved:1');
      assert.match(await engine.must('load', '-i', theirs), /Loaded image: example\.org\/moved:1/);
      assert.equal((await engine.must('inspect', '-f', '{{.Id}}', 'example.org/moved:1')).trim(), id, format);
    }
    await podman('rmi', '-f', '-a');
  });

  test("docker's command line saves, loads, compares, commits, exports and prunes", {
    skip: has('docker') ? false : 'docker is not installed (docker.io or docker-cli)',
  }, async () => {
    await docker('run', '--network', 'none', '--name', 'changed', 'busybox', 'sh', '-c', 'echo hello > /new; rm /etc/group');
    assert.equal(await docker('diff', 'changed'), 'C /etc\nD /etc/group\nA /new');
    await docker('commit', '-m', 'why', '-c', 'CMD ["cat", "/new"]', 'changed', 'made:1');
    assert.equal(await docker('run', '--rm', '--network', 'none', 'made:1'), 'hello');
    const [archive, root] = [join(scratch, 'made.tar'), join(scratch, 'root.tar')];
    await docker('save', '-o', archive, 'made:1');
    await docker('rmi', 'made:1');
    assert.equal(await docker('load', '-q', '-i', archive), 'Loaded image: made:1');
    await docker('export', '-o', root, 'changed');
    mkdirSync(join(scratch, 'root'));
    await must('tar', '-C', join(scratch, 'root'), '-xf', root);
    assert.equal(await must('cat', join(scratch, 'root/new')), 'hello');
    await docker('container', 'prune', '-f');
    assert.match(await docker('image', 'prune', '-a', '-f'), /untagged: made:1/);
    assert.match(await docker('system', 'df'), /^Images\s+0\s/m);
    assert.match(await engine.must('system', 'check'), / 0 problems/);
  });
});
