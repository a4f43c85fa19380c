import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import type { CommandSpec } from '../../src/cli/arguments/spec.ts';
import { findCommand } from '../../src/cli/commands/index.ts';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';
import { findProgram } from './engine-home.ts';

const docker = findProgram('docker');
/** Help texts differ from version to version: this is the one whose flags are compared. */
const comparedVersion = 28;

function dockerVersion(): number {
  const { stdout } = spawnSync(docker ?? 'docker', ['--version'], { encoding: 'utf8' });
  return Number(/version (\d+)\./.exec(stdout)?.[1] ?? 0);
}

const noDocker = docker === null ? 'docker is not installed (docker.io or docker-cli)' : false;
const otherVersion =
  noDocker || (dockerVersion() === comparedVersion ? false : `flags are compared with those of docker ${comparedVersion}`);

const groups = ['container', 'image', 'network', 'volume', 'system'];

/** What is built, and what belongs to builders other than this engine. */
const elsewhere = new Set(['image build']);

/** Flags of Docker's for Windows, swarms, notaries and checkpoints: refused by name. */
const refusedFlags: Readonly<Record<string, readonly string[]>> = {
  run: ['cpu-count', 'cpu-percent', 'io-maxbandwidth', 'io-maxiops', 'use-api-socket'],
  start: ['checkpoint', 'checkpoint-dir'],
  rm: ['link'],
  import: ['platform'],
  rmi: ['platform'],
  'image import': ['platform'],
  'network connect': ['link'],
  'network create': ['config-from', 'config-only', 'ingress', 'ipam-driver', 'ipam-opt', 'scope'],
  'volume create': [
    'availability',
    'group',
    'limit-bytes',
    'required-bytes',
    'scope',
    'secret',
    'sharing',
    'topology-preferred',
    'topology-required',
    'type',
  ],
  'volume ls': ['cluster'],
  'volume update': ['availability'],
};

describe("the command table, beside docker's help", { skip: otherVersion }, () => {
  const helpOf = (words: readonly string[]): string => spawnSync(docker ?? 'docker', [...words, '--help'], { encoding: 'utf8' }).stdout;
  const verbs = [
    'attach',
    'commit',
    'cp',
    'create',
    'diff',
    'events',
    'exec',
    'export',
    'history',
    'images',
    'import',
    'info',
    'inspect',
    'kill',
    'load',
    'login',
    'logout',
    'logs',
    'pause',
    'port',
    'ps',
    'pull',
    'push',
    'rename',
    'restart',
    'rm',
    'rmi',
    'run',
    'save',
    'search',
    'start',
    'stats',
    'stop',
    'tag',
    'top',
    'unpause',
    'update',
    'version',
    'wait',
  ];
  const ways = [
    ...verbs,
    ...groups.flatMap((group) => [...helpOf([group]).matchAll(/^ {2}([a-z]+)\*? {2,}/gm)].map(([, word]) => `${group} ${word}`)),
  ];

  for (const way of ways.filter((one) => !elsewhere.has(one))) {
    test(`${way} has every flag of docker's, or refuses it by name`, () => {
      const command = commandFor(way);
      const known = new Map(command.flags.map((flag) => [flag.name, flag]));
      const expected = refusedFlags[command.name] ?? [];
      for (const { short, name } of flagsIn(helpOf(way.split(' ')))) {
        const flag = known.get(name);
        assert.ok(flag !== undefined, `--${name} is unknown`);
        if (flag.refused === true) assert.ok(expected.includes(name) || command.name === 'create', `--${name} is refused`);
        else if (short !== undefined) assert.equal(flag.short, short, `-${short} of --${name}`);
      }
    });
  }
});

function commandFor(way: string): CommandSpec {
  const found = findCommand(way.split(' '));
  assert.ok(found !== undefined && found.rest.length === 0, `orlop ${way} is unknown`);
  return found.command;
}

function flagsIn(help: string): { short: string | undefined; name: string }[] {
  const lines = [...help.matchAll(/^ {2,6}(?:-(\w), )?--([a-z0-9-]+)/gm)];
  return lines.map(([, short, name = '']) => ({ short, name })).filter(({ name }) => name !== 'help');
}

/** What both must say alike: what is printed, and the exit code. `{}` stands for a name of each one's own. */
const alike: readonly (readonly string[])[] = [
  ['ps', '-aq', '--no-trunc'],
  ['ps', '-a', '--format', 'table {{.Names}}\t{{.Image}}\t{{.Ports}}\t{{.State}}'],
  ['ps', '--format', '{{.Names}}: {{.Command}} {{.Size}}'],
  ['ps', '-s', '--format', '{{.Size}}'],
  ['ps', '--filter', 'name=nobody', '--format', 'table {{.ID}}'],
  ['ps', '--format', '{{.Nope}}'],
  ['ps', '--format', '{{'],
  ['ps', '--filter', 'nope=1'],
  ['ps', '--filter', 'bad'],
  ['ps', 'extra'],
  ['ps', '--nosuch'],
  ['images'],
  ['images', '--digests'],
  ['images', 'nothing'],
  ['images', '-q', '--no-trunc'],
  ['history', 'busybox'],
  ['history', 'nothing'],
  ['network', 'ls'],
  ['network', 'ls', '--format', 'json'],
  ['network', 'inspect', 'bridge'],
  ['network', 'inspect', 'nothing'],
  ['network', 'rm', 'bridge'],
  ['network', 'rm', '-f', 'nothing'],
  ['volume', 'create', 'kept'],
  ['volume', 'ls'],
  ['volume', 'ls', '--format', '{{json .}}'],
  ['volume', 'inspect', 'kept'],
  ['volume', 'rm', 'nothing'],
  ['volume', 'rm', '-f', 'nothing'],
  ['volume', 'update', 'kept'],
  ['inspect', 'box'],
  ['inspect', 'nothing'],
  ['inspect', '--type', 'image', 'box'],
  ['inspect', '-s', '-f', '{{.SizeRw}}', 'box'],
  ['inspect', '-f', '{{json .State.Status}} {{index .Config.Labels "a"}}', 'box', 'nothing'],
  ['inspect', '-f', '{{define "T"}}<{{.}}>{{end}}{{template "T" .Name}}', 'box'],
  ['inspect', '-f', '{{', 'box'],
  ['port', 'box'],
  ['port', 'box', '80'],
  ['port', 'box', '81'],
  ['top', 'box'],
  ['top', 'box', '-o', 'pid,comm'],
  ['diff', 'box'],
  ['logs', 'box'],
  ['logs', 'nothing'],
  ['exec', 'box', 'sh', '-c', 'echo out; exit 7'],
  ['exec', 'box', 'no-such-command'],
  ['stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'box'],
  ['stats', '--no-stream', 'nothing'],
  ['run', '--rm', 'busybox', 'sh', '-c', 'echo hi; exit 3'],
  ['run', '--rm', 'busybox', 'no-such-command'],
  ['run', '--rm', 'busybox', '/etc'],
  ['run', '--rm', '--name', 'box', 'busybox', 'true'],
  ['run', '--rm', '--network', 'nothing', 'busybox', 'true'],
  ['run'],
  ['start', 'nothing'],
  ['stop', 'nothing'],
  ['kill', '-s', 'FOO', 'box'],
  ['unpause', 'box'],
  ['rm', 'box'],
  ['rm', '-f', 'nothing'],
  ['rename', 'box', 'box'],
  ['update', 'box'],
  ['commit', 'nothing'],
  ['tag', 'nothing', 'x'],
  ['rmi', 'nothing'],
  ['cp', 'nothing:/x', '/tmp'],
  ['cp', 'box:/nothing', '/tmp'],
  ['export', 'nothing'],
  ['events', '--since', '0', '--until', '1'],
  ['events', '--since', '1h', '--until', '0s', '--filter', 'container=box'],
  ['events', '--since', '1h', '--until', '0s', '--filter', 'type=volume', '--format', '{{.Action}} {{.Actor.ID}}'],
  ['events', '--until', 'bad'],
  ['login', '-u', 'someone', '--password-stdin'],
  ['logout', 'registry.invalid'],
  ['version', '--format', '{{.Server.APIVersion}} {{.Client.Os}} {{.Client.Context}}'],
  ['version', '-f', '{{'],
  ['info', '--format', '{{.Name}} {{.NCPU}} {{.ClientInfo.Context}}'],
  ['container', 'prune', '-f'],
  ['network', 'prune', '-f'],
  ['volume', 'prune', '-f'],
  ['image', 'prune', '-f'],
  ['system', 'prune', '-f'],
  ['nosuch'],
  ['container', 'nosuch'],
];

describe('both command lines on one engine', { skip: whyNot() || noDocker }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must(
      'run',
      '-d',
      '--name',
      'box',
      '-l',
      'a=b',
      '-p',
      '127.0.0.1::80',
      'busybox',
      'sh',
      '-c',
      'echo said; exec sleep 1000',
    );
    for (;;) if ((await engine.must('logs', 'box')) === 'said') break;
  });
  after(() => engine[Symbol.asyncDispose]());

  for (const words of alike) {
    test(`${words.join(' ')} prints the same and ends alike`, async () => {
      const theirs = await runCommand(docker ?? 'docker', ['-H', engine.host, ...words]);
      const ours: Outcome = await engine.orlop(...words);
      assert.deepEqual([ours.code, ours.stdout], [theirs.code, theirs.stdout], `docker said: ${theirs.stderr}\norlop said: ${ours.stderr}`);
      assert.equal(ours.stderr === '', theirs.stderr === '', `docker said: ${theirs.stderr}\norlop said: ${ours.stderr}`);
    });
  }

  test('ps has one column more, for the kind', async () => {
    const theirs = await runCommand(docker ?? 'docker', ['-H', engine.host, 'ps']);
    const { stdout } = await engine.orlop('ps');
    assert.deepEqual(
      stdout.split('\n').map((line) => line.replace(/ {2,}/g, '|').replace(/\|(?:KIND|app)\|/, '|')),
      theirs.stdout.split('\n').map((line) => line.replace(/ {2,}/g, '|')),
    );
  });
});
