import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from '../system/harness.ts';
import { type DebianRegistry, openDebianRegistry, whyNoRegistry } from './debian-registry.ts';

describe('build caches at a registry', { skip: whyNot() || whyNoRegistry() }, () => {
  let engine: TestEngine;
  let registry: DebianRegistry;
  let context: string;
  before(async () => {
    engine = await startEngine();
    registry = await openDebianRegistry();
    await engine.must('template', 'build', 'busybox');
    context = mkdtempSync(join(engine.root, 'context-'));
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM busybox AS tools\nRUN echo tool > /tool\nFROM busybox\nCOPY --from=tools /tool /\nRUN cat /proc/uptime > /made\n',
    );
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  });
  const build = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await engine.orlop('build', '--network', 'none', '--progress', 'plain', ...args, context);
    assert.equal(code, 0, stderr);
    return stderr;
  };
  const forget = async (): Promise<void> => {
    await engine.orlop('image', 'rm', '-f', `${registry.host}/app:1`);
    await engine.must('builder', 'prune', '--all', '--force');
  };

  test('are filled by one build and found by the next; what is built is pushed', async () => {
    const cache = `${registry.host}/cache:app`;
    const pushed = await build('--push', '-t', `${registry.host}/app:1`, '--cache-to', `type=registry,ref=${cache},mode=max`);
    assert.match(pushed, /pushed .*\/app:1 sha256:/);
    const id = (await engine.must('images', '-q', '--no-trunc', `${registry.host}/app:1`)).trim();
    await forget();
    const found = await build('-t', `${registry.host}/app:1`, '--cache-from', cache);
    assert.equal(found.match(/CACHED/g)?.length, 3, found);
    assert.equal((await engine.must('images', '-q', '--no-trunc', `${registry.host}/app:1`)).trim(), id);
    const manifest = (await (
      await fetch(`http://${registry.host}/v2/cache/manifests/app`, { headers: { accept: 'application/vnd.oci.image.manifest.v1+json' } })
    ).json()) as {
      config: { mediaType: string };
    };
    assert.equal(manifest.config.mediaType, 'application/vnd.buildkit.cacheconfig.v0');
  });

  test('are in an image that was pushed with its own', async () => {
    const name = `${registry.host}/app:1`;
    await build('--push', '-t', name, '--cache-to', 'type=inline');
    await forget();
    assert.match(await build('--cache-from', name), /CACHED/);
  });

  test('that are not there are said, and images without names are not pushed', async () => {
    assert.match(await build('--cache-from', `${registry.host}/nothing:1`), /the cache of .*nothing:1 is not used/);
    assert.match((await engine.orlop('build', '--push', context)).stderr, /pushed by its names/);
    assert.match(
      (await engine.orlop('build', '--push', '-t', 'x', '-o', 'type=tar,dest=x', context)).stderr,
      /only an image can be pushed/,
    );
  });
});
