import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openOwnRegistry, type OwnRegistry } from '../clients/own-registry.ts';
import { composeProject } from './compose-project.ts';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

describe('images of Compose projects and registries', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let registry: OwnRegistry;
  before(async () => {
    [engine, registry] = await Promise.all([startEngine(), openOwnRegistry()]);
    await engine.must('template', 'build', 'busybox');
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  const fileOf = (host: string): string => `services:
  app: {image: "${host}/app:1", build: {dockerfile_inline: "FROM busybox\\nRUN echo built > /built", tags: ["${host}/app:other"]}, command: cat /built}
  twin: {image: "${host}/app:1", pull_policy: missing, command: cat /built}
  own: {build: {dockerfile_inline: FROM busybox}}
`;

  test('push sends what is built and has a name, with its further names; pull gets it back, once for all services of it', async () => {
    const { compose, must } = composeProject(engine, 'pushed', fileOf(registry.host));
    await must('build', '--push', 'own');
    await must('build', '-q');
    await must('push', '-q');
    await engine.must('rmi', '-f', `${registry.host}/app:1`, `${registry.host}/app:other`);
    const pulled = await compose('pull');
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.match(pulled.stderr, /^ app Pulled$/m);
    assert.match(pulled.stderr, /^ twin Skipped - Image is already being pulled by app$/m);
    assert.match(pulled.stderr, /^ own Skipped - No image to be pulled$/m);
    assert.match((await compose('pull', 'twin')).stderr, /^ twin Skipped - Image is already present locally$/m);
    assert.match(await must('run', '--rm', '-T', '-q', 'twin'), /^built$/);
    await engine.must('pull', '-q', `${registry.host}/app:other`);
  });

  test('up pulls what is missing, and as pull_policy says', async () => {
    await engine.must('tag', 'busybox', `${registry.host}/moving`);
    await engine.must('push', '-q', `${registry.host}/moving`);
    const { must } = composeProject(
      engine,
      'policy',
      `services: {a: {image: "${registry.host}/moving", pull_policy: always, command: [sh, -c, "cat /new || true"]}}\n`,
    );
    await must('up', '-d', '--quiet-pull');
    const directory = join(engine.root, 'policy');
    writeFileSync(join(directory, 'Dockerfile'), 'FROM busybox\nRUN echo fresh > /new\n');
    await engine.must('build', '-q', '-t', `${registry.host}/moving`, directory);
    await engine.must('push', '-q', `${registry.host}/moving`);
    await engine.must('tag', 'busybox', `${registry.host}/moving`);
    assert.match(await must('up', '--quiet-pull'), /a-1 {2}\| fresh/);
  });

  test('a failure to pull or to push fails the verb, or is only said where that is asked for', async () => {
    const { compose } = composeProject(engine, 'failing', fileOf('127.0.0.1:1'));
    assert.equal((await compose('pull', 'app')).code, 1);
    const ignored = await compose('pull', '--ignore-pull-failures', 'app');
    assert.equal(ignored.code, 0, ignored.stderr);
    assert.match(ignored.stderr, /must be built from source by running:\n {4}orlop compose build app/);
    await compose('build', '-q', 'app');
    assert.equal((await compose('push', 'app')).code, 1);
    const pushed = await compose('push', '--ignore-push-failures', 'app');
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.match(pushed.stderr, /was not pushed/);
  });
});
