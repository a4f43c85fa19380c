import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadAddon } from '#sys';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';
import { baseDockerfile, type BuildCase } from './build-case.ts';
import { instructions } from './build-corpus-instructions.ts';
import { refused } from './build-corpus-refused.ts';
import { transfers } from './build-corpus-transfers.ts';
import { findProgram } from './engine-home.ts';

const addon = loadAddon();
const openPathNoFollow = 0o10_000_000 | 0o400_000;

/** What the first builders left of their containers; and what BuildKit sets with each CMD and means nothing on Linux. */
const notCompared = new Set([
  'Hostname',
  'Domainname',
  'Image',
  'AttachStdin',
  'AttachStdout',
  'AttachStderr',
  'Tty',
  'OpenStdin',
  'StdinOnce',
  'ArgsEscaped',
]);

const isEmpty = (value: unknown): boolean =>
  value === null || value === '' || value === false || (typeof value === 'object' && Object.keys(value).length === 0);

/** A config without what is empty and what an engine says of itself. */
function plainConfig(text: string): Record<string, unknown> {
  const { config = {}, author, os, architecture } = JSON.parse(text) as Record<string, unknown> & { config?: Record<string, unknown> };
  const labels = Object.entries((config['Labels'] ?? {}) as Record<string, string>).filter(([name]) => name !== 'io.buildah.version');
  const all = { ...config, Labels: Object.fromEntries(labels), author, os, architecture };
  return Object.fromEntries(
    Object.entries(all)
      .filter(([name, value]) => value !== undefined && !isEmpty(value) && !notCompared.has(name))
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
}

function attributesOf(path: string): string[] {
  const handle = addon.openat2(-100, path, openPathNoFollow, 0, 0);
  try {
    return addon
      .listxattr(handle)
      .toSorted()
      .map((name) => `${name}=${addon.getxattr(handle, name)?.toString('hex')}`);
  } finally {
    addon.close(handle);
  }
}

/** Before this the times are those that a case has given its files; later ones are of the build. */
const givenBeforeMs = Date.parse('2020-01-01');

/** All of a file system, a line each: type and mode, owner, content, time where a case gave one, attributes, which names are one file. */
function describeTree(top: string): Map<string, string> {
  const lines = new Map<string, string>();
  const names = new Map<number, string>();
  const visit = (path: string): void => {
    for (const name of readdirSync(join(top, path)).toSorted()) {
      const inner = `${path}/${name}`;
      const full = join(top, inner);
      const facts = lstatSync(full);
      const type = facts.mode & 0o170_000;
      const content = facts.isFile()
        ? createHash('sha256').update(readFileSync(full)).digest('hex').slice(0, 12)
        : facts.isSymbolicLink()
          ? `-> ${readlinkSync(full)}`
          : facts.isBlockDevice() || facts.isCharacterDevice()
            ? `dev ${facts.rdev}`
            : '';
      const same = facts.isDirectory() || facts.nlink === 1 ? '' : `is ${names.get(facts.ino) ?? inner}`;
      if (same !== '') names.set(facts.ino, names.get(facts.ino) ?? inner);
      const time = facts.mtimeMs < givenBeforeMs && !facts.isSymbolicLink() ? `at ${facts.mtimeMs / 1000}` : '';
      const parts = [type.toString(8), (facts.mode & 0o7777).toString(8), `${facts.uid}:${facts.gid}`, content, time, same];
      lines.set(inner, [...parts, ...attributesOf(full)].filter((part) => part !== '').join(' '));
      if (facts.isDirectory()) visit(inner);
    }
  };
  visit('');
  return lines;
}

/** Lines that only one of both has: `- ` ours, `+ ` Buildah's. */
function difference(ours: ReadonlyMap<string, string>, theirs: ReadonlyMap<string, string>): string[] {
  return [...new Set([...ours.keys(), ...theirs.keys()])].toSorted().flatMap((key) => {
    const [mine, other] = [ours.get(key), theirs.get(key)];
    if (mine === other) return [];
    return [...(mine === undefined ? [] : [`- ${key} ${mine}`]), ...(other === undefined ? [] : [`+ ${key} ${other}`])];
  });
}

const whyNoBuildah = whyNot() || (findProgram('buildah') === null ? 'buildah is not installed (Debian package buildah)' : false);

/** Where Buildah mounts something into a container that runs. */
const ofBuildah = /^\+ \/(?:proc|sys|etc\/(?:hosts|hostname|resolv\.conf)) /;

describe('images as Buildah builds them', { skip: whyNoBuildah, timeout: 900_000 }, () => {
  const top = mkdtempSync(join(tmpdir(), 'orlop-parity-'));
  let engine: TestEngine;
  const places = ['--root', join(top, 'root'), '--runroot', join(top, 'run'), '--storage-driver', 'vfs'];
  const buildah = (...args: string[]): Promise<Outcome> => runCommand('buildah', [...places, ...args], { timeoutMs: 120_000 });
  const must = async (...args: string[]): Promise<string> => {
    const outcome = await buildah(...args);
    assert.equal(outcome.code, 0, `buildah ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trim();
  };
  const contextOf = ({ make = '', file }: BuildCase): string => {
    const directory = mkdtempSync(join(top, 'context-'));
    writeFileSync(join(directory, 'Dockerfile'), file);
    execFileSync('sh', ['-euc', `umask 022; ${make}`], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
    return directory;
  };
  const budOptions = ['--isolation', 'chroot', '--format', 'docker', '--pull-never', '--layers=false'];
  const ourBuild = (one: BuildCase, context: string, ...args: string[]): Promise<Outcome> =>
    engine.orlop('build', '--network', 'none', '--progress', 'plain', ...(one.args ?? []), ...args, context);
  const theirBuild = (one: BuildCase, context: string, ...args: string[]): Promise<Outcome> =>
    buildah('bud', ...budOptions, ...(one.args ?? []), ...args, context);

  let base = new Map<string, string>();
  const notOfBase = (files: ReadonlyMap<string, string>): string[] =>
    [...files].flatMap(([path, facts]) => (base.get(path) === facts ? [] : [`${path} ${facts}`]));

  /** An image as its config and its files. */
  async function lookInto(
    image: string,
    { configOnly }: BuildCase,
  ): Promise<{ config: Record<string, unknown>; files: Map<string, string> }> {
    const { Config } = JSON.parse(await must('inspect', '--type', 'image', image)) as { Config: string };
    let files = new Map<string, string>();
    if (configOnly !== true) {
      const container = await must('from', '--pull-never', image);
      files = describeTree(await must('mount', container));
      await must('rm', container);
    }
    await must('rmi', '-f', image);
    return { config: plainConfig(Config), files };
  }

  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    const context = contextOf({ name: 'base', ...baseDockerfile });
    await engine.must('build', '--network', 'none', '-q', '-t', 'localhost/base', context);
    await engine.must('save', '-o', join(top, 'base.tar'), 'localhost/base');
    await must('pull', '-q', `docker-archive:${join(top, 'base.tar')}`);
    const container = await must('from', '--pull-never', 'localhost/base');
    base = describeTree(await must('mount', container));
  });
  after(async () => {
    try {
      await engine[Symbol.asyncDispose]();
    } finally {
      rmSync(top, { recursive: true, force: true });
    }
  });

  for (const one of [...transfers, ...instructions]) {
    test(one.name, async () => {
      const context = contextOf(one);
      const archive = join(top, 'ours.tar');
      const mine = await ourBuild(one, context, '-o', `type=docker,dest=${archive}`, '-t', 'localhost/ours');
      assert.equal(mine.code, 0, `${mine.stderr}${mine.stdout}`);
      const theirs = await theirBuild(one, context, '-t', 'localhost/theirs');
      await must('pull', '-q', `docker-archive:${archive}`);
      const ours = await lookInto('localhost/ours', one);
      if (one.files === undefined) {
        assert.equal(theirs.code, 0, `${theirs.stderr}${theirs.stdout}`);
        const other = await lookInto('localhost/theirs', one);
        const found = difference(ours.files, other.files).filter((line) => !ofBuildah.test(line));
        assert.deepEqual(found, one.differs ?? []);
        assert.deepEqual(ours.config, { ...other.config, ...one.config });
      } else {
        assert.notEqual(theirs.code, 0, 'Buildah builds it: compare with that');
        assert.deepEqual(notOfBase(ours.files), one.files);
      }
      rmSync(context, { recursive: true });
    });
  }

  for (const one of refused) {
    test(`refused: ${one.name}`, async () => {
      const context = contextOf(one);
      const mine = await ourBuild(one, context);
      assert.equal(mine.code, 1, mine.stderr);
      assert.match(mine.stderr, one.says);
      if (one.buildahTakesIt !== true) assert.notEqual((await theirBuild(one, context)).code, 0);
      rmSync(context, { recursive: true });
    });
  }
});
