import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { findCommand } from '../commands/index.ts';
import { parseArguments, type Arguments } from '../arguments/parse.ts';
import { readContainerOptions } from './container-options.ts';
import { planCreate, planStreams, type CreatePlan } from './create-body.ts';
import { parseEnvironmentFile, readEnvironment } from './environment.ts';
import { parseMoment } from './moment.ts';
import { parseFilters, parseHostEntries, parsePairs, parseTmpfs, parseUlimits } from './pairs.ts';
import { formatBytes, parseBytes, parseCpus } from './size.ts';

describe('sizes', () => {
  test('are powers of 1024 when read, of 1000 when shown, as with Docker', () => {
    const sizes: [string, number][] = [
      ['0', 0],
      ['12', 12],
      ['512m', 2 ** 29],
      ['1.5g', 1.5 * 2 ** 30],
      ['64KiB', 65536],
      ['2TB', 2 ** 41],
      ['7b', 7],
      ['1 k', 1024],
    ];
    for (const [text, bytes] of sizes) assert.equal(parseBytes('memory', text), bytes, text);
    for (const bad of ['', 'm', '-1', '1x', '1e3', '0x10', '99999p'])
      assert.throws(() => parseBytes('memory', bad), { code: 'CLI_USAGE' }, bad);
    assert.equal(parseBytes('memory-swap', '-1', { unlimited: true }), -1);
    const shown: [number, string][] = [
      [0, '0B'],
      [999, '999B'],
      [80_000_000, '80MB'],
      [1_234_567_890, '1.23GB'],
      [1e21, '1000000PB'],
    ];
    for (const [bytes, text] of shown) assert.equal(formatBytes(bytes), text);
  });

  test('CPUs are billionths', () => {
    assert.equal(parseCpus('1.5'), 1.5e9);
    assert.equal(parseCpus('0.000000001'), 1);
    for (const bad of ['', '.5', '-1', 'two', '1.0000000001']) assert.throws(() => parseCpus(bad), { code: 'CLI_USAGE' }, bad);
  });
});

describe('pairs', () => {
  test('hold names and values', () => {
    assert.deepEqual(parsePairs('label', ['a=b=c', 'bare'], { bare: true }), { a: 'b=c', bare: '' });
    assert.throws(() => parsePairs('sysctl', ['bare']), { code: 'CLI_USAGE' });
    assert.throws(() => parsePairs('label', ['=x'], { bare: true }), { code: 'CLI_USAGE' });
    assert.deepEqual(parseTmpfs(['/run', '/tmp:size=1m,mode=755']), { '/run': '', '/tmp': 'size=1m,mode=755' });
    assert.throws(() => parseTmpfs(['run']), { code: 'CLI_REFUSED_VALUE' });
    assert.deepEqual(parseFilters(['name=a', 'name=b', '', 'label=x=y']), { name: ['a', 'b'], label: ['x=y'] });
    assert.throws(() => parseFilters(['name']), { code: 'CLI_USAGE' });
    assert.deepEqual(parseHostEntries(['a:1.2.3.4', 'b=::1', 'c:[::1]']), ['a:1.2.3.4', 'b:::1', 'c:::1']);
    assert.throws(() => parseHostEntries(['a']), { code: 'CLI_USAGE' });
  });

  test('limits of resources', () => {
    assert.deepEqual(parseUlimits(['nofile=1:2', 'core=-1', 'cpu=5:-1']), [
      { name: 'nofile', soft: 1, hard: 2 },
      { name: 'core', soft: -1, hard: -1 },
      { name: 'cpu', soft: 5, hard: -1 },
    ]);
    for (const bad of ['nofile', 'files=1', 'nofile=', 'nofile=2:1', 'nofile=-1:5', '=1'])
      assert.throws(() => parseUlimits([bad]), { code: 'CLI_USAGE' }, bad);
  });
});

describe('the environment', () => {
  test('files skip what is empty or a comment, and keep quotes', () => {
    assert.deepEqual(parseEnvironmentFile('\uFEFF# c\r\n\n A=1 # no comment\nB="q"\nC\n', 'f'), ['A=1 # no comment', 'B="q"', 'C']);
    assert.throws(() => parseEnvironmentFile('ok=1\nA B=1', 'f'), { message: "f line 2: variable 'A B' contains whitespaces" });
    assert.throws(() => parseEnvironmentFile('=1', 'f'), { message: 'f line 1: no variable name' });
  });

  test('bare names take our own values, and flags come after files', async () => {
    assert.deepEqual(await readEnvironment([], ['A=1', 'HOME', 'NONE', 'EMPTY='], { HOME: '/root' }), ['A=1', 'HOME=/root', 'EMPTY=']);
    await assert.rejects(readEnvironment(['/nonexistent/env'], [], {}), {
      kind: 'not-found',
      message: 'cannot read /nonexistent/env: no such file',
    });
  });
});

test('moments are times, or ages that count back from now', () => {
  assert.equal(parseMoment('10s', 1_700_000_010_000), '1700000000.000000000');
  assert.equal(parseMoment('2023-11-14T22:13:20.5Z', 0), '1700000000.500000000');
  assert.equal(parseMoment(undefined, 0), undefined);
  assert.throws(() => parseMoment('soon', 0), { kind: 'invalid-argument' });
});

describe('a create request', () => {
  const argumentsOf = (...words: string[]): Arguments => {
    const found = findCommand(['run', ...words]);
    assert.ok(found);
    return parseArguments(found.command, found.rest);
  };
  const plan = async (...words: string[]): Promise<CreatePlan> => {
    const args = argumentsOf(...words);
    return planCreate(args, await readContainerOptions(args, { HOME: '/h' }), planStreams(args, false));
  };

  test('of nothing but an image says only how to join it', async () => {
    assert.deepEqual((await plan('img')).body, {
      Image: 'img',
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      HostConfig: {},
    });
  });

  test('carries every flag', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-cli-'));
    try {
      const profile = join(directory, 'seccomp.json');
      writeFileSync(profile, '{ "defaultAction": "SCMP_ACT_ALLOW" }');
      const { body, name } = await plan(
        ...'--name n -it --rm -e A=b -e HOME -w /w -u 1:2 -h web --domainname d --network host --entrypoint sh -l k=v --init --privileged --userns host'.split(
          ' ',
        ),
        ...'--read-only --cap-add NET_ADMIN --cap-drop ALL --security-opt no-new-privileges --group-add 7 --sysctl a.b=1 --ulimit nofile=1:2'.split(
          ' ',
        ),
        ...`--security-opt seccomp=${profile} --shm-size 1m --tmpfs /t:size=1m --storage-opt size=10G --oom-score-adj 5 -m 64m --memory-swap -1 --memory-reservation 32m`.split(
          ' ',
        ),
        ...'--cpus 0.5 -c 10 --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 9 --stop-signal INT --stop-timeout 3 --add-host a:1.2.3.4 img cmd -x'.split(
          ' ',
        ),
      );
      assert.equal(name, 'n');
      assert.deepEqual(body, {
        Image: 'img',
        Cmd: ['cmd', '-x'],
        Entrypoint: ['sh'],
        Tty: true,
        OpenStdin: true,
        StdinOnce: true,
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Env: ['A=b', 'HOME=/h'],
        User: '1:2',
        WorkingDir: '/w',
        Hostname: 'web',
        Domainname: 'd',
        Labels: { k: 'v' },
        StopSignal: 'INT',
        StopTimeout: 3,
        HostConfig: {
          AutoRemove: true,
          Init: true,
          GroupAdd: ['7'],
          NetworkMode: 'host',
          Privileged: true,
          UsernsMode: 'host',
          ReadonlyRootfs: true,
          CapAdd: ['NET_ADMIN'],
          CapDrop: ['ALL'],
          Sysctls: { 'a.b': '1' },
          Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
          ShmSize: 2 ** 20,
          Tmpfs: { '/t': 'size=1m' },
          StorageOpt: { size: '10G' },
          OomScoreAdj: 5,
          ExtraHosts: ['a:1.2.3.4'],
          SecurityOpt: ['no-new-privileges', 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'],
          Memory: 2 ** 26,
          MemorySwap: -1,
          MemoryReservation: 2 ** 25,
          NanoCpus: 5e8,
          CpuShares: 10,
          CpusetCpus: '0',
          CpusetMems: '0',
          PidsLimit: 9,
        },
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('joins the streams asked for', () => {
    assert.deepEqual(planStreams(argumentsOf('-a', 'STDOUT', '-a', 'stdin', 'img'), false), { stdin: true, stdout: true, stderr: false });
    assert.deepEqual(planStreams(argumentsOf('-d', 'img'), true), { stdin: false, stdout: false, stderr: false });
    assert.throws(() => planStreams(argumentsOf('-a', 'x', 'img'), false), { code: 'CLI_USAGE' });
    assert.throws(() => planStreams(argumentsOf('-a', 'stdout', 'img'), true), { message: /cannot specify both/ });
  });

  test('refuses by name what Orlop cannot do', async () => {
    await assert.rejects(plan('--pull', 'often', 'img'), { code: 'CLI_USAGE' });
    await assert.rejects(plan('--security-opt', 'label=x', 'img'), { kind: 'unimplemented' });
    await assert.rejects(plan('--security-opt', 'seccomp=/nonexistent', 'img'), { kind: 'not-found' });
    await assert.rejects(plan('--userns', 'keep-id', 'img'), { code: 'CLI_USAGE' });
  });
});
