import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mediaTypes, parseDigest } from '#oci';
import { createRegistryClient, type Credential, type Repository } from '#registry';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';
import { type DebianRegistry, openDebianRegistry, user, whyNoRegistry } from './debian-registry.ts';
import { findProgram } from './engine-home.ts';
import { openOwnRegistry, whyNoOpenssl } from './own-registry.ts';
import { openTokenServer } from './token-server.ts';

const limits = { attempts: 2, backoffMs: 1 };

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Every operation of the client, in the life of one small artefact. */
async function useAll(open: (path: string) => Repository): Promise<void> {
  const repository = open('team/app');
  const bytes = randomBytes(200_000);
  const blob = {
    mediaType: mediaTypes.ociLayer,
    digest: parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`),
    size: bytes.length,
  };
  const read = async function* (start: number): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(start);
  };
  assert.equal(await repository.hasBlob(blob.digest), false);
  await repository.uploadBlob(blob, read, { chunkBytes: 65_536 });
  assert.equal(await repository.hasBlob(blob.digest), true);
  assert.deepEqual(await collect(repository.fetchBlob(blob)), bytes);
  assert.equal(await open('team/other').mountBlob(blob.digest, repository.name.path), true);
  assert.equal(await open('team/other').hasBlob(blob.digest), true);
  const config = Buffer.from('{}');
  const configBlob = {
    mediaType: mediaTypes.ociConfig,
    digest: parseDigest(`sha256:${createHash('sha256').update(config).digest('hex')}`),
    size: 2,
  };
  await repository.uploadBlob(configBlob, async function* () {
    yield config;
  });
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: configBlob, layers: [blob] }));
  for (const tag of ['a', 'b', 'c']) await repository.putManifest(tag, mediaTypes.ociManifest, manifest);
  const found = await repository.resolve('b');
  assert.deepEqual([found?.mediaType, found?.size], [mediaTypes.ociManifest, manifest.length]);
  assert.deepEqual((await repository.fetchManifest(found?.digest ?? '')).bytes, manifest);
  assert.deepEqual(new Set(await repository.tags()), new Set(['a', 'b', 'c']));
  assert.deepEqual((await repository.referrers(blob.digest)).manifests, []);
  await repository.deleteManifest(found?.digest ?? '');
  assert.equal(await repository.resolve('a'), null);
  await assert.rejects(repository.fetchManifest('a'), { kind: 'not-found' });
}

describe('the client speaks to docker-registry', { skip: whyNoRegistry() }, () => {
  test('over plain HTTP on this machine', async () => {
    await using registry = await openDebianRegistry();
    using client = createRegistryClient({ limits, certificateDirectories: [] });
    await useAll((path) => client.repository({ domain: registry.host, path }));
    assert.deepEqual(
      (await client.catalog(registry.host)).toSorted((a, b) => a.localeCompare(b)),
      ['team/app', 'team/other'],
    );
  });

  test('over TLS with an own CA, a client certificate and a password; not without any of them', async () => {
    await using registry = await openDebianRegistry({ users: true, tls: true });
    const credentials = () => ({ type: 'password', ...user }) as const;
    using client = createRegistryClient({ limits, certificateDirectories: [registry.certificates] });
    await useAll((path) => client.repository({ domain: registry.host, path }, { credentials }));
    await client.ping(registry.host, { credentials });
    await assert.rejects(client.ping(registry.host), { kind: 'unauthenticated' });
    const wrong = () => ({ type: 'password', username: user.username, password: 'no' }) as const;
    await assert.rejects(client.ping(registry.host, { credentials: wrong }), { kind: 'unauthenticated' });
    using stranger = createRegistryClient({ limits, certificateDirectories: [] });
    await assert.rejects(stranger.ping(registry.host, { credentials }), { kind: 'unavailable', code: 'REGISTRY_UNTRUSTED' });
  });
});

describe('the client speaks to our own registry', { skip: whyNoOpenssl() }, () => {
  test('in all that it can do, plain and over TLS with a password', async () => {
    await using plain = await openOwnRegistry();
    using client = createRegistryClient({ limits, certificateDirectories: [] });
    await useAll((path) => client.repository({ domain: plain.host, path }));
    assert.ok((await client.catalog(plain.host)).includes('team/app'));
    await using locked = await openOwnRegistry({ users: true, tls: true });
    const credentials = () => ({ type: 'password', ...user }) as const;
    using trusting = createRegistryClient({ limits, certificateDirectories: [locked.certificates] });
    await useAll((path) => trusting.repository({ domain: locked.host, path }, { credentials }));
    await assert.rejects(trusting.ping(locked.host), { kind: 'unauthenticated' });
    await assert.rejects(client.ping(locked.host, { credentials }), { code: 'REGISTRY_UNTRUSTED' });
  });
});

describe('with tokens of a service', { skip: whyNoRegistry() }, () => {
  for (const [name, open] of [
    ["Docker's registry", openDebianRegistry],
    ['our own', openOwnRegistry],
  ] as const) {
    test(`${name} lets the client do all, by a password and by the token that a login gave`, async () => {
      await using tokens = await openTokenServer(user);
      await using registry = await open({ tokens });
      using client = createRegistryClient({ limits, certificateDirectories: [] });
      const password: Credential = { type: 'password', ...user };
      const { identityToken } = await client.ping(registry.host, { credentials: () => password });
      assert.ok(identityToken !== null);
      await useAll((path) => client.repository({ domain: registry.host, path: `by-password/${path}` }, { credentials: () => password }));
      const kept: Credential = { type: 'identity-token', token: identityToken };
      await useAll((path) => client.repository({ domain: registry.host, path: `by-token/${path}` }, { credentials: () => kept }));
      assert.ok(tokens.granted.includes('POST repository:by-token/team/app:pull,push'));
      const wrong: Credential = { ...password, password: 'no' };
      await assert.rejects(client.ping(registry.host, { credentials: () => wrong }), { kind: 'unauthenticated' });
      await assert.rejects(client.repository({ domain: registry.host, path: 'x' }).fetchManifest('y'), { kind: 'unauthenticated' });
    });
  }
});

describe('images go to docker-registry and come back', { skip: whyNot() || whyNoRegistry() }, () => {
  let engine: TestEngine;
  let registry: DebianRegistry;
  let home = '';
  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'orlop-home-'));
    registry = await openDebianRegistry({ users: true });
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    rmSync(home, { recursive: true });
  });
  const orlop = (...args: string[]): Promise<Outcome> => engine.orlopWith({ env: { DOCKER_CONFIG: home }, timeoutMs: 60_000 }, ...args);
  const must = async (...args: string[]): Promise<string> => {
    const outcome = await orlop(...args);
    assert.equal(outcome.code, 0, `orlop ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trimEnd();
  };
  const name = (rest: string): string => `${registry.host}/${rest}`;
  const login = (password: string): Promise<Outcome> =>
    engine.orlopWith(
      { env: { DOCKER_CONFIG: home }, input: `${password}\n` },
      'login',
      '-u',
      user.username,
      '--password-stdin',
      registry.host,
    );

  test('login checks the password and keeps it for its owner; push, pull, run and logout', async () => {
    await must('tag', 'busybox', name('bb:1'));
    const refused = await orlop('push', name('bb:1'));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /access denied[^]*orlop login/);
    assert.notEqual((await login('wrong')).code, 0);
    assert.equal((await login(user.password)).code, 0);
    assert.equal(statSync(join(home, 'config.json')).mode & 0o777, 0o600);
    const digest = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(await must('push', name('bb:1')))?.[1];
    assert.ok(digest);
    await must('rmi', name('bb:1'));
    assert.equal(await must('pull', '-q', name('bb:1')), name('bb:1'));
    assert.match((await orlop('pull', name('bb:1'))).stdout, /Image is up to date/);
    await must('rmi', name('bb:1'));
    assert.equal(await must('run', '--rm', '--quiet', name(`bb@${digest}`), 'echo', 'ran'), 'ran');
    assert.equal((await orlop('run', '--rm', '--pull', 'never', name('none'), 'true')).code, 125);
    assert.match((await orlop('run', '--rm', name('none'), 'true')).stderr, /is not in the registry/);
    assert.match(await must('logout', registry.host), /Removing login credentials for /);
    assert.doesNotMatch(readFileSync(join(home, 'config.json'), 'utf8'), /auth"/);
    assert.match((await orlop('pull', name('bb:1'))).stderr, /access denied/);
  });

  test("docker's command line logs in, pushes, pulls and runs what is missing", {
    skip: findProgram('docker') === null && 'docker is not installed',
  }, async () => {
    const docker = async (...args: string[]): Promise<string> => {
      const outcome = await runCommand('docker', ['--config', home, '-H', engine.host, ...args]);
      assert.equal(outcome.code, 0, `docker ${args.join(' ')}: ${outcome.stderr}`);
      return outcome.stdout;
    };
    await docker('login', '-u', user.username, '-p', user.password, registry.host);
    await docker('tag', 'busybox', name('from-docker:2'));
    assert.match(await docker('push', name('from-docker:2')), /2: digest: sha256:[0-9a-f]{64} size: \d+/);
    await docker('rmi', name('from-docker:2'));
    assert.match(await docker('pull', name('from-docker:2')), /Status: Downloaded newer image for [^\n]*from-docker:2/);
    assert.match(await docker('pull', name('from-docker:2')), /Status: Image is up to date/);
    await docker('rmi', name('from-docker:2'));
    assert.match(await docker('run', '--rm', name('from-docker:2'), 'echo', 'ran'), /^ran$/m);
    const failed = await runCommand('docker', ['--config', home, '-H', engine.host, 'pull', name('none')]);
    assert.match(failed.stderr, /is not in the registry/);
    await docker('logout', registry.host);
  });

  test("skopeo reads what we push, and we read what it writes in Docker's format", {
    skip: findProgram('skopeo') === null && 'skopeo is not installed',
  }, async () => {
    assert.equal((await login(user.password)).code, 0);
    await must('tag', 'busybox', name('copied:1'));
    const pushed = await must('push', name('copied:1'));
    const skopeo = async (...args: string[]): Promise<string> => {
      const outcome = await runCommand('skopeo', args);
      assert.equal(outcome.code, 0, `skopeo ${args.join(' ')}: ${outcome.stderr}`);
      return outcome.stdout;
    };
    const credentials = `${user.username}:${user.password}`;
    const { Digest } = JSON.parse(
      await skopeo('inspect', '--tls-verify=false', '--creds', credentials, `docker://${name('copied:1')}`),
    ) as { Digest: string };
    assert.ok(pushed.includes(Digest));
    const archive = join(home, 'archive.tar');
    await must('save', '-o', archive, name('copied:1'));
    const secrets = ['--dest-creds', credentials, '--dest-tls-verify=false'];
    await skopeo('copy', '--insecure-policy', '-f', 'v2s2', ...secrets, `docker-archive:${archive}`, `docker://${name('copied:2')}`);
    const written = await skopeo('inspect', '--raw', '--tls-verify=false', '--creds', credentials, `docker://${name('copied:2')}`);
    assert.match(written, /vnd\.docker\.distribution\.manifest\.v2/);
    await must('pull', name('copied:2'));
    assert.equal(await must('run', '--rm', name('copied:2'), 'echo', 'ran'), 'ran');
    await must('logout', registry.host);
  });
});

describe('a login to a registry with tokens', { skip: whyNot() || whyNoRegistry() }, () => {
  test('keeps a token in place of the password, and docker and orlop work with it', async () => {
    await using tokens = await openTokenServer(user);
    await using registry = await openDebianRegistry({ tokens });
    await using engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    const home = mkdtempSync(join(tmpdir(), 'orlop-home-'));
    try {
      const input = `${user.password}\n`;
      const flags = ['login', '-u', user.username, '--password-stdin', registry.host];
      const programs = [
        (argv: readonly string[], text = '') => engine.orlopWith({ env: { DOCKER_CONFIG: home }, input: text }, ...argv),
        ...(findProgram('docker') === null
          ? []
          : [
              (argv: readonly string[], text = '') => runCommand('docker', ['--config', home, '-H', engine.host, ...argv], { input: text }),
            ]),
      ];
      for (const run of programs) {
        const must = async (argv: readonly string[], text?: string): Promise<void> => {
          const { code, stderr } = await run(argv, text);
          assert.equal(code, 0, `${argv.join(' ')}: ${stderr}`);
        };
        await must(flags, input);
        assert.match(readFileSync(join(home, 'config.json'), 'utf8'), /"identitytoken": "refresh-me"/);
        await must(['tag', 'busybox', `${registry.host}/bb:1`]);
        await must(['push', `${registry.host}/bb:1`]);
        await must(['rmi', `${registry.host}/bb:1`]);
        await must(['pull', `${registry.host}/bb:1`]);
        await must(['logout', registry.host]);
        const { stderr, code } = await run(['pull', `${registry.host}/bb:1`]);
        assert.notEqual(code, 0);
        assert.match(stderr, /access denied/);
      }
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

describe('what registries.json says', { skip: whyNot() || whyNoRegistry() }, () => {
  test('a mirror gives what its registry is asked for, and what is blocked is refused by name', async () => {
    await using registry = await openDebianRegistry();
    const directory = mkdtempSync(join(tmpdir(), 'orlop-settings-'));
    const file = join(directory, 'registries.json');
    const registries = { 'hub.invalid/team': { mirrors: [{ location: `${registry.host}/copies` }] }, 'bad.invalid': { blocked: true } };
    writeFileSync(file, JSON.stringify({ registries }));
    try {
      await using engine = await startEngine(['--registries', file]);
      await engine.must('template', 'build', 'busybox');
      await engine.must('tag', 'busybox', `${registry.host}/copies/bb:1`);
      await engine.must('push', `${registry.host}/copies/bb:1`);
      await engine.must('rmi', `${registry.host}/copies/bb:1`);
      assert.equal(await engine.must('run', '--rm', '-q', 'hub.invalid/team/bb:1', 'echo', 'mirrored'), 'mirrored');
      const blocked = await engine.orlop('pull', 'bad.invalid/x');
      assert.equal(blocked.code, 1);
      assert.match(blocked.stderr, /bad\.invalid\/x is blocked by the settings for bad\.invalid/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
