import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand, startEngine, whyNot, type TestEngine } from '../system/harness.ts';
import { user } from './debian-registry.ts';
import { findProgram, isExecutable } from './engine-home.ts';
import { openOwnRegistry, whyNoOpenssl, type OwnRegistry } from './own-registry.ts';
import { architectures, pushArtefact, pushIndex } from './pushed-index.ts';

/** Debian's, of 2023, and whatever newer one is installed beside it: they speak other versions of the API. */
const programs = [...new Set(['/usr/bin/docker', findProgram('docker') ?? '/usr/local/bin/docker'])];

for (const program of programs) {
  const missing = !isExecutable(program) && `${program} is not installed (Debian package docker.io or docker-cli)`;
  describe(`images by ${program}`, { skip: whyNot() || whyNoOpenssl() || missing }, () => {
    let engine: TestEngine;
    let registry: OwnRegistry;
    let home = '';
    const docker = (...args: string[]) => runCommand(program, ['--config', home, '-H', engine.host, ...args], { cwd: home });
    const must = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await docker(...args);
      assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
      return stdout.trimEnd();
    };
    const fails = async (pattern: RegExp, ...args: string[]): Promise<void> => {
      const { code, stderr } = await docker(...args);
      assert.notEqual(code, 0, `docker ${args.join(' ')}`);
      assert.match(stderr, pattern);
    };
    const lines = async (...args: string[]): Promise<string[]> => (await must(...args)).split('\n').filter((line) => line !== '');
    const name = (rest: string): string => `${registry.host}/${rest}`;
    /** The API's version that client and engine agree on. */
    let api = 0;
    before(async () => {
      home = mkdtempSync(join(tmpdir(), 'orlop-docker-'));
      registry = await openOwnRegistry();
      engine = await startEngine();
      await engine.must('template', 'build', 'busybox');
      api = Number((await must('version', '--format', '{{.Client.APIVersion}}')).split('.')[1]);
    });
    after(async () => {
      await engine[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      rmSync(home, { recursive: true });
    });

    test('push and pull, one tag, all tags, by digest, quietly', async () => {
      for (const tag of ['1', '2']) await must('tag', 'busybox', name(`app:${tag}`));
      assert.match(await must('push', '-a', name('app')), /^1: digest: sha256:[^]*^2: digest: sha256:/m);
      const digest = /2: digest: (\S+)/.exec(await must('push', name('app:2')))?.[1];
      await must('rmi', name('app:1'), name('app:2'));
      assert.match(
        await must('pull', '-a', name('app')),
        /^1: Pulling from app$[^]*^2: Pulling from app$[^]*Downloaded newer image for \S+\/app$/m,
      );
      assert.match(await must('pull', '-a', name('app')), /Image is up to date for \S+\/app$/m);
      assert.deepEqual((await lines('images', '--format', '{{.Tag}}', name('app'))).sort(), ['1', '2']);
      assert.equal(await must('pull', '-q', name(`app@${digest}`)), name(`app@${digest}`));
      await fails(/is not in the registry|not found/, 'pull', name('app:none'));
      await fails(/is not in the registry|not found/, 'pull', '-a', name('nothing'));
    });

    test('of all tags, those that are no image are named and passed over', async () => {
      await must('tag', 'busybox', name('mixed:1'));
      await must('push', name('mixed:1'));
      await pushArtefact(registry.host, 'mixed');
      await must('rmi', name('mixed:1'));
      assert.match(
        await must('pull', '-a', name('mixed')),
        /artefact: Skipped: \S+\/mixed:artefact is no image but an artefact of the type text\/x-note$/m,
      );
      assert.deepEqual(await lines('images', '--format', '{{.Tag}}', name('mixed')), ['1']);
      await fails(/is no image but an artefact/, 'pull', name('mixed:artefact'));
      await must('rmi', name('mixed:1'));
      await pushArtefact(registry.host, 'notes');
      await fails(/is no image but an artefact/, 'pull', '-a', name('notes'));
    });

    test('login and logout, and what a pull says without one', async () => {
      await using locked = await openOwnRegistry({ users: true });
      const { code } = await runCommand(
        program,
        ['--config', home, '-H', engine.host, 'login', '-u', user.username, '--password-stdin', locked.host],
        {
          input: 'wrong',
        },
      );
      assert.notEqual(code, 0);
      await must('login', '-u', user.username, '-p', user.password, locked.host);
      await must('tag', 'busybox', `${locked.host}/private:1`);
      await must('push', `${locked.host}/private:1`);
      await must('pull', `${locked.host}/private:1`);
      await must('logout', locked.host);
      await fails(
        /pull access denied for \S+\/private, repository does not exist or may require 'docker login'/,
        'pull',
        `${locked.host}/private:1`,
      );
      await fails(/access denied/, 'push', `${locked.host}/private:1`);
      await must('rmi', `${locked.host}/private:1`);
    });

    test('another platform on request, saved, loaded and told apart', async () => {
      const [own, other] = architectures;
      await pushIndex(registry.host, 'many', 'oci');
      await must('pull', name('many:1'));
      assert.equal(await must('image', 'inspect', '-f', '{{.Architecture}}', name('many:1')), own);
      await must('pull', '--platform', `linux/${other}`, name('many:1'));
      assert.equal(await must('image', 'inspect', '-f', '{{.Architecture}}', name('many:1')), other);
      await fails(/linux\/riscv64/, 'pull', '--platform', 'linux/riscv64', name('many:1'));
      const tidy = async (): Promise<void> => void (await must('rmi', '-f', name('many:1')), await must('image', 'prune', '-f'));
      if (api < 48) return tidy();
      await must('save', '--platform', `linux/${other}`, '-o', 'many.tar', name('many:1'));
      await fails(
        /its platform \(linux\/s390x\) does not match the specified platform/,
        'save',
        '--platform',
        `linux/${own}`,
        '-o',
        'none.tar',
        name('many:1'),
      );
      await fails(
        /its platform \(linux\/s390x\) does not match the specified platform/,
        'load',
        '--platform',
        `linux/${own}`,
        '-i',
        'many.tar',
      );
      assert.match(await must('load', '--platform', `linux/${other}`, '-i', 'many.tar'), /Loaded image: /);
      assert.match(await must('history', '--platform', `linux/${other}`, name('many:1')), /IMAGE/);
      await fails(
        /its platform \(linux\/s390x\) does not match the specified platform/,
        'push',
        '--platform',
        `linux/${own}`,
        name('many:1'),
      );
      await must('push', '--platform', `linux/${other}`, name('many:1'));
      await tidy();
    });

    test('lists with every filter, history with sizes, inspect', async () => {
      await must('tag', 'busybox', 'box:filtered');
      const file = join(home, 'file');
      writeFileSync(file, 'x'.repeat(5000));
      const { code } = await runCommand('tar', ['-C', home, '-cf', join(home, 'root.tar'), 'file']);
      assert.equal(code, 0);
      await must('import', '-c', 'LABEL a=b', 'root.tar', 'young:1');
      const shown = (...filters: string[]): Promise<string[]> =>
        lines('images', ...filters.flatMap((filter) => ['--filter', filter]), '--format', '{{.Repository}}:{{.Tag}}');
      assert.deepEqual(await shown('reference=box'), ['box:filtered']);
      assert.deepEqual(await shown('reference=young', 'label=a=b'), ['young:1']);
      assert.deepEqual(await shown('since=busybox', 'label=a'), ['young:1']);
      assert.deepEqual(await shown('before=busybox', 'label=a'), []);
      assert.ok((await shown('before=young:1')).includes('box:filtered'));
      assert.deepEqual(await shown('until=100000h'), []);
      assert.deepEqual(await shown('dangling=true'), []);
      await fails(/invalid filter/, 'images', '--filter', 'colour=red');
      await fails(/No such image: /, 'images', '--filter', 'since=nowhere');
      assert.match(await must('history', '--human=false', '--format', '{{.Size}}', 'young:1'), /^[1-9]\d*$/);
      assert.equal(await must('inspect', '-f', '{{index .Config.Labels "a"}} {{index .RepoTags 0}}', 'young:1'), 'b young:1');
      const tagged = Date.parse(await must('image', 'inspect', '-f', '{{.Metadata.LastTagTime}}', 'young:1'));
      assert.ok(Math.abs(Date.now() - tagged) < 60_000);
      assert.match(await must('images', '--digests', '--no-trunc', 'box'), /box\s+filtered\s+sha256:\S+\s+sha256:/);
      await fails(/No such image: nowhere/i, 'image', 'inspect', 'nowhere');
      await fails(/No such image: nowhere/i, 'rmi', 'nowhere');
    });

    test('save, load, import, export and prune', async () => {
      await must('save', '-o', 'saved.tar', 'busybox:latest', 'box:filtered');
      await must('rmi', 'box:filtered');
      assert.deepEqual((await lines('load', '-i', 'saved.tar')).sort(), ['Loaded image: box:filtered', 'Loaded image: busybox:latest']);
      await must('create', '--name', 'made', 'busybox');
      await must('export', '-o', 'made.tar', 'made');
      const id = await must('import', '-m', 'why', '-c', 'CMD ["echo", "imported"]', 'made.tar', 'imported:1');
      assert.equal(await must('run', '--rm', '--network', 'none', 'imported:1'), 'imported');
      assert.equal(await must('history', '--format', '{{.Comment}}', 'imported:1'), 'why');
      await must('import', '--platform', 'linux/riscv64', 'root.tar', 'far:1');
      assert.equal(await must('inspect', '-f', '{{.Os}}/{{.Architecture}}', 'far:1'), 'linux/riscv64');
      await must('rmi', 'far:1');
      await must('import', 'root.tar', 'imported:1');
      assert.deepEqual(await lines('images', '-q', '--no-trunc', '--filter', 'dangling=true'), [id]);
      await fails(/conflict: unable to delete \w+ \(must be forced\)/, 'rmi', await must('inspect', '-f', '{{.Image}}', 'made'));
      await fails(/No such image: busybox/, 'rmi', 'busybox:latest', 'box:filtered', 'busybox');
      assert.match(await must('image', 'prune', '-f'), new RegExp(`deleted: ${id}`));
      await must('rm', 'made');
      await must('image', 'prune', '-a', '-f');
      assert.deepEqual(await lines('images', '-q'), []);
    });

    test("the registry's manifest as the command line reads it", {
      skip: program === '/usr/bin/docker' && 'this version knows no OCI manifests',
    }, async () => {
      assert.match(
        await must('manifest', 'inspect', '--insecure', name('app:1')),
        /"mediaType": "application\/vnd\.oci\.image\.manifest\.v1\+json"/,
      );
    });
  });
}
