import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand, startEngine, whyNot, type TestEngine } from '../system/harness.ts';
import { user } from './debian-registry.ts';
import { findProgram } from './engine-home.ts';
import { architectures, pushIndex } from './pushed-index.ts';
import { openOwnRegistry, whyNoOpenssl, type OwnRegistry } from './own-registry.ts';

const lacks = (program: string): string | false => findProgram(program) === null && `${program} is not installed`;
const credentials = `${user.username}:${user.password}`;

/** An image goes round by programs that nobody here wrote: it has to come back as the same. */
describe('images go from program to program', { skip: whyNot() || whyNoOpenssl() }, () => {
  let engine: TestEngine;
  let plain: OwnRegistry;
  let locked: OwnRegistry;
  let scratch = '';
  /** The image's id and where its saved archive is. */
  let id = '';
  let saved = '';
  const at = (name: string): string => join(scratch, name);
  const must = async (file: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(file, args, { cwd: scratch, timeoutMs: 120_000 });
    assert.equal(code, 0, `${file} ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const skopeo = (verb: string, ...args: string[]): Promise<string> => must('skopeo', '--insecure-policy', verb, ...args);
  const idOf = async (reference: string): Promise<string> => (await engine.must('inspect', '-f', '{{.Id}}', reference)).trim();
  const layersOf = (reference: string): Promise<string> => engine.must('inspect', '-f', '{{json .RootFS.Layers}}', reference);
  /** An OCI layout in a directory goes into the engine as a tar. */
  const loadLayout = async (layout: string): Promise<string> => {
    await must('tar', '-C', at(layout), '-cf', at(`${layout}.tar`), '.');
    return engine.must('load', '-i', at(`${layout}.tar`));
  };
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'orlop-copies-'));
    [plain, locked] = await Promise.all([openOwnRegistry(), openOwnRegistry({ users: true, tls: true })]);
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('tag', 'busybox', 'example.org/box:1');
    saved = at('saved.tar');
    await engine.must('save', '-o', saved, 'example.org/box:1');
    id = await idOf('example.org/box:1');
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    await plain[Symbol.asyncDispose]();
    await locked[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  });

  describe('by skopeo', { skip: lacks('skopeo') }, () => {
    test('from our archives into every kind of archive and layout, and back', async () => {
      for (const from of [
        `docker-archive:${saved}`,
        `oci-archive:${saved}`,
        `docker-archive:${saved}:example.org/box:1`,
        `oci-archive:${saved}:1`,
      ]) {
        for (const [kind, file, name] of [
          ['docker-archive', 'docker.tar', 'example.org/round:docker'],
          ['oci-archive', 'oci.tar', 'example.org/round:oci'],
        ] as const) {
          rmSync(at(file), { force: true });
          await skopeo('copy', from, `${kind}:${at(file)}:${name}`);
          assert.equal(await engine.must('load', '-i', at(file)), `Loaded image: ${name}`);
          assert.equal(await layersOf(name), await layersOf('example.org/box:1'));
          // skopeo writes the config anew when it goes from one family to the other.
          if (from.startsWith(kind)) assert.equal(await idOf(name), id, `${from} to ${kind}`);
          await engine.must('rmi', name);
        }
      }
      await skopeo('copy', `oci-archive:${saved}`, `oci:${at('layout')}:example.org/round:layout`);
      assert.match((await engine.orlop('load', '-i', at('layout'))).stderr, /it is a directory[^]*tar -C \S+ -c \. \| orlop load/);
      assert.equal(await loadLayout('layout'), 'Loaded image: example.org/round:layout');
      assert.equal(await idOf('example.org/round:layout'), id);
      assert.equal(await engine.must('run', '--rm', 'example.org/round:layout', 'echo', 'ran'), 'ran');
    });

    test('through our registries, plain and with password and TLS; digests stay', async () => {
      const digestAt = async (where: string, ...flags: string[]): Promise<string> =>
        (JSON.parse(await skopeo('inspect', ...flags, where)) as { Digest: string }).Digest;
      const first = `docker://${plain.host}/team/box:1`;
      const second = `docker://${locked.host}/other/box:2`;
      const trust = (side: string): string[] => [
        `--${side}creds`,
        credentials,
        `--${side}cert-dir`,
        join(locked.certificates, locked.host),
      ];
      await engine.must('tag', 'busybox', `${plain.host}/team/box:1`);
      const pushed = /digest: (\S+)/.exec(await engine.must('push', `${plain.host}/team/box:1`))?.[1];
      await skopeo('copy', '--src-tls-verify=false', ...trust('dest-'), first, second);
      const digest = await digestAt(second, ...trust(''));
      assert.equal(digest, await digestAt(first, '--tls-verify=false'));
      assert.equal(digest, pushed);
      await skopeo('copy', ...trust('src-'), second, `oci:${at('back')}:example.org/back:1`);
      assert.equal(await digestAt(`oci:${at('back')}:example.org/back:1`), digest);
      await loadLayout('back');
      assert.equal(await idOf('example.org/back:1'), id);
      const { code, stderr } = await runCommand('skopeo', ['inspect', '--cert-dir', join(locked.certificates, locked.host), second]);
      assert.equal(code, 1);
      assert.match(stderr, /unauthorized|authentication required/);
    });

    test("in Docker's format: other manifest, same image", async () => {
      // Of a registry that has the layer with zstd, skopeo takes that, and then has no name for it in Docker's format.
      await using fresh = await openOwnRegistry();
      const name = `${fresh.host}/docker/box:1`;
      await skopeo('copy', '-f', 'v2s2', '--dest-tls-verify=false', `docker-archive:${saved}`, `docker://${name}`);
      await engine.must('pull', name);
      assert.equal(await idOf(name), id);
      const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`);
      assert.match(raw, /vnd\.docker\.distribution\.manifest\.v2/);
      await engine.must('rmi', name);
    });

    test('an index of two platforms is copied whole, pulled by platform, saved and loaded by platform', async () => {
      const [own] = architectures;
      for (const family of ['oci', 'docker'] as const) {
        const name = `${plain.host}/many/${family}:1`;
        await pushIndex(plain.host, `many/${family}`, family);
        await skopeo('copy', '--all', '--src-tls-verify=false', '--dest-tls-verify=false', `docker://${name}`, `docker://${name}-copy`);
        const [one, other] = await Promise.all(
          [name, `${name}-copy`].map((where) => skopeo('inspect', '--raw', '--tls-verify=false', `docker://${where}`)),
        );
        assert.equal(one, other);
        await engine.must('pull', `${name}-copy`);
        await engine.must('pull', '--platform', 'linux/s390x', name);
        const archive = at(`${family}-s390x.tar`);
        await engine.must('save', '--platform', 'linux/s390x', '-o', archive, name);
        assert.equal((JSON.parse(await skopeo('inspect', `oci-archive:${archive}`)) as { Architecture: string }).Architecture, 's390x');
        const refused = await engine.orlop('save', '--platform', 'linux/riscv64', '-o', at('none.tar'), `${name}-copy`);
        assert.match(refused.stderr, /no manifest for linux\/riscv64/);
        rmSync(at(family), { recursive: true, force: true });
        await skopeo('copy', '--all', '--src-tls-verify=false', `docker://${name}`, `oci:${at(family)}:example.org/many:${family}`);
        await loadLayout(family);
        assert.equal(await engine.must('inspect', '-f', '{{.Architecture}}', `example.org/many:${family}`), own);
        await engine.must('load', '--platform', 'linux/s390x', '-i', at(`${family}.tar`));
        assert.equal(await engine.must('inspect', '-f', '{{.Architecture}}', `example.org/many:${family}`), 's390x');
      }
    });
  });

  for (const program of ['podman', 'buildah'] as const) {
    test(`${program} pulls from our registries and pushes to them, with zstd layers, password and TLS`, {
      skip: lacks(program),
    }, async () => {
      writeFileSync(at('policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
      const own = ['--root', at(program), '--runroot', at(`${program}-run`), '--storage-driver', 'vfs'];
      const run = (...args: string[]): Promise<string> => must(program, ...own, ...args);
      const trust = ['--creds', credentials, '--cert-dir', join(locked.certificates, locked.host)];
      const ours = `${plain.host}/${program}/box:1`;
      await engine.must('tag', 'busybox', ours);
      await engine.must('push', ours);
      await run('pull', '--tls-verify=false', ours);
      await run('push', ...trust, ours, `docker://${locked.host}/${program}/box:2`);
      await run('push', '--tls-verify=false', '--format', 'oci', ours, `docker://${plain.host}/${program}/box:3`);
      await run('rmi', ours);
      await run('pull', ...trust, `${locked.host}/${program}/box:2`);
      await engine.must('pull', `${plain.host}/${program}/box:3`);
      assert.equal(await idOf(`${plain.host}/${program}/box:3`), id);
      await run('rmi', '-a', '-f');
      const { code, stderr } = await runCommand(program, [
        ...own,
        'pull',
        '--cert-dir',
        join(locked.certificates, locked.host),
        `${locked.host}/${program}/box:2`,
      ]);
      assert.notEqual(code, 0);
      assert.match(stderr, /unauthorized|authentication required/);
    });
  }

  describe('by umoci', { skip: lacks('umoci') }, () => {
    test('what we save is unpacked, changed, packed again, loaded and run', async () => {
      mkdirSync(at('ours'));
      await must('tar', '-C', at('ours'), '-xf', saved);
      await must('umoci', 'unpack', '--image', `${at('ours')}:1`, at('bundle'));
      writeFileSync(join(at('bundle'), 'rootfs/added'), 'by umoci\n');
      rmSync(join(at('bundle'), 'rootfs/etc/group'));
      await must('umoci', 'repack', '--image', `${at('ours')}:2`, at('bundle'));
      await must('umoci', 'config', '--image', `${at('ours')}:2`, '--config.cmd', 'cat', '--config.cmd', '/added');
      await must('umoci', 'rm', '--image', `${at('ours')}:1`);
      const loaded = /sha256:\S+|example\S+/.exec(await loadLayout('ours'))?.[0] ?? '';
      assert.equal(await engine.must('run', '--rm', loaded), 'by umoci');
      assert.equal((await engine.orlop('run', '--rm', loaded, 'test', '-e', '/etc/group')).code, 1);
    });

    test('what it makes from nothing is loaded: an image without layers, and one whose layer has no end', async () => {
      await must('umoci', 'init', '--layout', at('made'));
      await must('umoci', 'new', '--image', `${at('made')}:bare`);
      const bare = /sha256:\S+/.exec(await loadLayout('made'))?.[0] ?? '';
      assert.equal(await engine.must('inspect', '-f', '{{.Size}}', bare), '0');
      await must('umoci', 'insert', '--image', `${at('made')}:bare`, findProgram('busybox') ?? '', '/busybox');
      await must(
        'umoci',
        'config',
        '--image',
        `${at('made')}:bare`,
        '--config.entrypoint',
        '/busybox',
        '--config.cmd',
        'echo',
        '--config.cmd',
        'made',
      );
      const made = /sha256:\S+/.exec(await loadLayout('made'))?.[0] ?? '';
      assert.equal(await engine.must('run', '--rm', made), 'made');
    });
  });
});
