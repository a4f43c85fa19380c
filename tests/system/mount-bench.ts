import assert from 'node:assert/strict';
import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach } from 'node:test';
import { isAtLeast, kernelRelease } from '#sys';
import { startEngine, type TestEngine } from './harness.ts';

export const image = 'busybox';

/** Containers with user ids of their own, and with the host's. */
export const users = [
  ['with ids of its own', []],
  ['with the host’s ids', ['--userns', 'host']],
] as const;

/** Why a container with user ids of its own cannot have a tmpfs of the host's, or false. */
export const noMappedTmpfs = !isAtLeast(kernelRelease(), 6, 3) && 'needs Linux 6.3: owners in a tmpfs';

/** What tests of mounts work with. */
export interface MountBench {
  readonly engine: TestEngine;
  /** A directory of the host's for this test alone. */
  readonly host: string;
  /** Another number for each test, for names. */
  readonly count: number;
  /** Where a volume's content is on the host. */
  content(volume: string): string;
  /** What a script says in a container with these flags. */
  sh(flags: readonly string[], script: string): Promise<string>;
  /** What is said when it fails, which it must. */
  fails(flags: readonly string[], script?: string): Promise<string>;
}

/**
 * An engine for the tests of a suite, with the image `filled`: it names /data as a volume, where `sub/file`, its other name `hard` and the link to it, `link`, say hello, all owned
 * by 33:44.
 */
export function useMountBench(): MountBench {
  let engine: TestEngine;
  let host = '';
  let count = 0;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    const script = `mkdir -p /data/sub && echo hello >/data/sub/file && ln /data/sub/file /data/hard && ln -s sub/file /data/link &&
      chown -R 33:44 /data && chmod 2751 /data && chmod 4755 /data/hard && touch -d '2001-02-03 04:05:06' /data/sub/file /data`;
    await engine.must('run', '--name', 'base', image, 'sh', '-c', script);
    await engine.must('commit', '-c', 'VOLUME /data', 'base', 'filled');
    await engine.must('rm', 'base');
  });
  after(() => engine[Symbol.asyncDispose]());
  beforeEach(() => {
    host = join(engine.root, `host${++count}`);
    mkdirSync(host);
  });
  const words = (flags: readonly string[], script: string): string[] => ['run', '--rm', ...flags, image, 'sh', '-c', script];
  return {
    get engine() {
      return engine;
    },
    get host() {
      return host;
    },
    get count() {
      return count;
    },
    content: (volume) => join(engine.dataRoot, 'volumes', volume, '_data'),
    sh: (flags, script) => engine.must(...words(flags, script)),
    async fails(flags, script = 'true') {
      const { code, stderr } = await engine.orlop(...words(flags, script));
      assert.notEqual(code, 0);
      return stderr;
    },
  };
}

/** `uid:gid` on disk. */
export function owner(path: string): string {
  const { uid, gid } = lstatSync(path);
  return `${uid}:${gid}`;
}
