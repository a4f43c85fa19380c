import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Project } from '#compose';
import { wordsOfBuild } from './build-words.ts';

const none = {};
const project = (build: NonNullable<Project['services'][string]['build']>): Project => ({
  name: 'p',
  directory: '/p',
  files: [],
  environment: none,
  services: { s: { build }, base: { image: 'base:1' } },
  disabled: none,
  networks: none,
  volumes: none,
  secrets: { file: { file: '/p/secret' }, variable: { environment: 'V' } },
  configs: none,
  models: none,
  extensions: none,
});

test('a build of a service is told to orlop build, attribute by attribute', () => {
  const { words, dockerfile } = wordsOfBuild(
    project({
      context: '/p/c',
      dockerfile: 'other',
      args: { A: '1', B: null },
      labels: { l: 'x' },
      additional_contexts: { one: '/p/one', two: 'service:base' },
      extra_hosts: { h: ['1.1.1.1'] },
      entitlements: ['network.host'],
      privileged: true,
      cache_from: ['a'],
      cache_to: ['type=inline'],
      ssh: [{ id: 'default', path: '' }],
      secrets: [{ source: 'file' }, { source: 'variable', target: 'renamed' }],
      ulimits: { nofile: { soft: 1, hard: 2 } },
      target: 't',
      network: 'none',
      shm_size: 64,
      platforms: ['linux/arm64'],
      tags: ['more'],
      no_cache: true,
      pull: true,
    }),
    's',
    'p-s',
  );
  assert.equal(dockerfile, null);
  assert.deepEqual(words, [
    '--tag=p-s',
    '--tag=more',
    '--file=/p/c/other',
    '--build-arg=A=1',
    '--build-arg=B',
    '--label=l=x',
    '--build-context=one=/p/one',
    '--build-context=two=docker-image://base:1',
    '--add-host=h:1.1.1.1',
    '--allow=security.insecure',
    '--allow=network.host',
    '--cache-from=a',
    '--cache-to=type=inline',
    '--ssh=default',
    '--secret=id=file,src=/p/secret',
    '--secret=id=renamed,env=V',
    '--ulimit=nofile=1:2',
    '--target=t',
    '--network=none',
    '--shm-size=64',
    '--platform=linux/arm64',
    '--no-cache',
    '--pull',
    '/p/c',
  ]);
});

test('a Dockerfile in the Compose file is read from standard input', () => {
  const { words, dockerfile } = wordsOfBuild(project({ context: '/p', dockerfile_inline: 'FROM x' }), 's', 'i');
  assert.equal(dockerfile, 'FROM x');
  assert.deepEqual(words, ['--tag=i', '--file=-', '/p']);
});

test('what the builder lacks is refused by name', () =>
  assert.throws(() => wordsOfBuild(project({ sbom: 'true' }), 's', 'i'), {
    kind: 'unimplemented',
    message: 'services.s.build.sbom is not supported',
  }));

test('an attestation that is not wanted is no reason to refuse', () =>
  assert.doesNotThrow(() => wordsOfBuild(project({ provenance: 'false' }), 's', 'i')));
