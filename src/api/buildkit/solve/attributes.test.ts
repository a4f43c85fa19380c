import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkFrontend, planAttributes } from './attributes.ts';
import { planOutputs } from './outputs.ts';

describe('attributes of the frontend', () => {
  test('become a request', () => {
    const { request, dockerfile, dockerfileDirectory, context } = planAttributes({
      filename: 'f',
      target: 't',
      'build-arg:A': '1',
      'build-arg:B:C': 'x=y',
      'label:l': 'm',
      platform: 'linux/amd64',
      'no-cache': '',
      'image-resolve-mode': 'pull',
      'add-hosts': 'one=1.2.3.4,six=::1',
      'force-network-mode': 'host',
      'shm-size': '1024',
      ulimit: 'nofile=1:2,core=-1',
      'frontend.caps': 'moby.buildkit.frontend.subrequests+forward',
    });
    assert.deepEqual(request, {
      target: 't',
      platform: 'linux/amd64',
      noCache: true,
      pull: true,
      extraHosts: ['one:1.2.3.4', 'six:::1'],
      network: 'host',
      shmSizeBytes: 1024,
      ulimits: [
        { name: 'nofile', soft: 1, hard: 2 },
        { name: 'core', soft: -1, hard: -1 },
      ],
      buildArgs: { A: '1', 'B:C': 'x=y' },
      labels: { l: 'm' },
    });
    assert.deepEqual(
      { dockerfile, dockerfileDirectory, context },
      { dockerfile: 'f', dockerfileDirectory: 'dockerfile', context: { kind: 'directory', name: 'context' } },
    );
  });

  test('say where contexts are', () => {
    const plan = planAttributes({
      context: 'https://example.com/r.git#main',
      'context:a': 'local:a-files',
      'context:b': 'docker-image://alpine:3',
      'context:c': 'https://example.com/c.tar',
      'context:d': 'local:d-files',
      'local-sessionid:a-files': 's',
    });
    assert.deepEqual(plan.context, { kind: 'remote', url: 'https://example.com/r.git#main' });
    assert.equal(plan.dockerfileDirectory, null);
    assert.deepEqual(plan.request.namedContexts, {
      a: { kind: 'sent', stream: 0 },
      b: { kind: 'image', reference: 'alpine:3' },
      c: { kind: 'remote', url: 'https://example.com/c.tar' },
      d: { kind: 'sent', stream: 1 },
    });
    assert.deepEqual(
      [...plan.directories],
      [
        [0, 'a-files'],
        [1, 'd-files'],
      ],
    );
    assert.deepEqual(plan.sessions, { 'a-files': 's' });
    assert.deepEqual(planAttributes({ context: 'http://buildkit-session/xyz' }).context, { kind: 'upload', path: 'xyz' });
    assert.equal(planAttributes({ context: 'https://example.com/r.git', dockerfilekey: 'dockerfile' }).dockerfileDirectory, 'dockerfile');
  });

  test('that ask for what is not here are refused by name', () => {
    const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ platform: 'linux/amd64,linux/arm64' }, /several platforms/],
      [{ 'cgroup-parent': '/x' }, /parent cgroup/],
      [{ hostname: 'h' }, /host name/],
      [{ 'context:x': 'oci-layout://y' }, /x=oci-layout/],
      [{ 'context:x::linux/amd64': 'local:y' }, /for one platform/],
      [{ 'attest:sbom': '' }, /attestation sbom/],
      [{ 'attest:provenance': 'mode=max' }, /attestation provenance/],
      [{ requestid: 'frontend.other' }, /--call=other/],
      [{ 'build-arg:BUILDKIT_SYNTAX': 'example.com/own' }, /example\.com\/own/],
      [{ 'something-new': '1' }, /"something-new"/],
    ];
    for (const [attributes, words] of cases)
      assert.throws(
        () => planAttributes(attributes),
        (error: { code: string; message: string }) => error.code === 'BUILDKIT_REFUSED' && words.test(error.message),
        String(words),
      );
    assert.throws(() => checkFrontend('gateway.v0'), { code: 'BUILDKIT_REFUSED' });
    assert.throws(() => planAttributes({ ulimit: 'x' }), { code: 'BUILDKIT_BAD_ATTRIBUTE' });
    assert.throws(() => planAttributes({ 'shm-size': '-1' }), { code: 'BUILDKIT_BAD_ATTRIBUTE' });
  });

  test('that ask for nothing are taken', () => {
    assert.deepEqual(
      planAttributes({
        'cgroup-parent': '',
        'attest:provenance': 'mode=min,inline-only=true',
        'attest:sbom': 'disabled=true',
        'vcs:revision': 'x',
      }).request,
      {},
    );
    assert.equal(
      planAttributes({ 'build-arg:BUILDKIT_SYNTAX': 'docker/dockerfile:1' }).request.buildArgs?.['BUILDKIT_SYNTAX'],
      'docker/dockerfile:1',
    );
    assert.deepEqual(planAttributes({ requestid: 'frontend.lint' }).request, { check: true });
    assert.deepEqual(planAttributes({ requestid: 'frontend.outline' }).request, { describe: 'outline' });
  });
});

describe('outputs', () => {
  test('are one, of a known kind', () => {
    assert.deepEqual(planOutputs([]), { output: 'none', names: [] });
    assert.deepEqual(planOutputs([{ type: 'moby', attributes: { name: 'a:1,b:2', push: 'true' } }]), {
      output: 'image',
      names: ['a:1', 'b:2'],
    });
    assert.equal(planOutputs([{ type: 'local', attributes: { dest: 'x' } }]).output, 'files');
    assert.equal(planOutputs([{ type: 'tar', attributes: {} }]).output, 'tar');
  });

  test('that cannot be are refused by name', () => {
    const one = (type: string, attributes = {}) => planOutputs([{ type, attributes }]);
    assert.throws(() => one('gha'), /type=gha/);
    assert.throws(() => one('image', { push: 'true' }), /pushing in the middle/);
    assert.throws(() => one('image', { compression: 'zstd' }), /compression=zstd/);
    assert.throws(() => one('image', { 'annotation.x': 'y' }), /annotation\.x=y/);
    assert.throws(
      () =>
        planOutputs([
          { type: 'tar', attributes: {} },
          { type: 'local', attributes: {} },
        ]),
      /more than one/,
    );
  });
});

test('stages whose steps are done again have names', () => {
  assert.deepEqual(planAttributes({ context: 'local:context', 'no-cache': 'one,two' }).request.noCacheFilter, ['one', 'two']);
});
