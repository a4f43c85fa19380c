import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseArguments, type Arguments } from '../arguments/parse.ts';
import { findCommand } from '../commands/index.ts';
import { readBlockIo } from './block-io.ts';
import { readContainerOptions } from './container-options.ts';
import { planCreate } from './create-body.ts';
import { parseDevice, parseGpus, readDeviceOptions } from './devices.ts';
import { openIdFile } from './id-file.ts';
import { readIsolation } from './isolation.ts';

const argumentsOf = (...words: string[]): Arguments => {
  const found = findCommand(['run', ...words, 'img']);
  assert.ok(found !== undefined);
  return parseArguments(found.command, found.rest);
};
const hostConfig = async (...words: string[]) => {
  const args = argumentsOf(...words);
  return planCreate(args, await readContainerOptions(args, {}), { stdin: false, stdout: true, stderr: true }).body.HostConfig;
};

describe('flags about isolation', () => {
  test('become fields of Docker', async () => {
    const words = '--pid host --ipc container:a --uts host --cgroupns host --cgroup-parent /x --annotation a=b --annotation c';
    assert.deepEqual(await hostConfig(...words.split(' ')), {
      PidMode: 'host',
      IpcMode: 'container:a',
      UTSMode: 'host',
      CgroupnsMode: 'host',
      CgroupParent: '/x',
      Annotations: { a: 'b', c: '' },
    });
    assert.deepEqual(await hostConfig('--runtime', 'x', '--isolation', 'y', '--kernel-memory', '4m'), {
      Runtime: 'x',
      Isolation: 'y',
      KernelMemory: 2 ** 22,
    });
  });

  test('that make no sense are refused in Docker’s words', () => {
    for (const [words, message] of [
      [['--pid', 'none'], '--pid: invalid PID mode'],
      [['--uts', 'private'], '--uts: invalid UTS mode'],
      [['--cgroupns', 'x'], '--cgroupns: invalid CGROUP mode'],
      [['--link', 'a:b:c'], 'bad format for links: a:b:c'],
    ] as const)
      assert.throws(() => readIsolation(argumentsOf(...words)), { code: 'CLI_USAGE', message });
    assert.throws(() => readIsolation(argumentsOf('--ipc', 'container:')), {
      code: 'CLI_REFUSED_VALUE',
      message: 'invalid IPC mode: container:',
    });
  });

  test('open what is hidden with systempaths, and read profiles', async () => {
    assert.deepEqual(await hostConfig('--security-opt', 'systempaths=unconfined', '--security-opt', 'apparmor=p'), {
      SecurityOpt: ['apparmor=p'],
      MaskedPaths: [],
      ReadonlyPaths: [],
    });
  });
});

describe('flags about devices', () => {
  const devices: readonly (readonly [text: string, source: string, target: string, permissions: string])[] = [
    ['/dev/fuse', '/dev/fuse', '/dev/fuse', 'rwm'],
    ['/dev/a:/dev/b', '/dev/a', '/dev/b', 'rwm'],
    ['/dev/a:r', '/dev/a', '/dev/a', 'r'],
    ['/dev/a:/dev/b:mr', '/dev/a', '/dev/b', 'mr'],
    ['/dev/a::rw', '/dev/a', '/dev/a', 'rw'],
  ];
  for (const [text, source, target, permissions] of devices)
    test(text, () => assert.deepEqual(parseDevice(text), { source, target, permissions }));

  for (const [text, message] of [
    ['', 'invalid device specification: '],
    ['a:b:c:d', 'invalid device specification: a:b:c:d'],
    ['/dev/a:/dev/b:rx', 'bad mode specified: rx'],
    ['/dev/a:b', 'b is not an absolute path'],
  ] as const)
    test(`refused: ${message}`, () => assert.throws(() => parseDevice(text), { message }));

  test('take names of CDI for what they are', () => {
    assert.deepEqual(readDeviceOptions(argumentsOf('--device', 'vendor.com/net=eth-0', '--device', '/dev/fuse', '--gpus', 'all')), {
      devices: [{ source: '/dev/fuse', target: '/dev/fuse', permissions: 'rwm' }],
      deviceRequests: [
        { driver: '', count: -1, ids: [], capabilities: [['gpu']], options: {} },
        { driver: 'cdi', count: 0, ids: ['vendor.com/net=eth-0'], capabilities: [] },
      ],
    });
  });

  test('read GPUs by Docker’s grammar', () => {
    const plain = { driver: '', ids: [], capabilities: [['gpu']], options: {} };
    assert.deepEqual(parseGpus('2'), { ...plain, count: 2 });
    assert.deepEqual(parseGpus('"device=0,GPU-1"'), { ...plain, count: 0, ids: ['0', 'GPU-1'] });
    assert.deepEqual(parseGpus('driver=nvidia,"capabilities=compute,utility","options=a=b,c=d"'), {
      driver: 'nvidia',
      count: 1,
      ids: [],
      capabilities: [['compute', 'utility', 'gpu']],
      options: { a: 'b', c: 'd' },
    });
    assert.throws(() => parseGpus('some'), { message: 'invalid count (some): value must be either "all" or an integer' });
    assert.throws(() => parseGpus('1,count=2'), { message: "gpu request key 'count' can be specified only once" });
    assert.throws(() => parseGpus('color=red'), { message: "unexpected key 'color' in 'color=red'" });
  });
});

describe('flags about block devices', () => {
  test('have units where bytes are counted', () => {
    const args = argumentsOf(
      ...'--blkio-weight 300 --blkio-weight-device /dev/a:200 --device-read-bps /dev/a:1mb --device-write-iops /dev/b:7'.split(' '),
    );
    const { ioWeight, ioWeightDevices, readBytes, writeBytes, writeOperations } = readBlockIo(args);
    assert.deepEqual([ioWeight, ioWeightDevices], [300, [{ path: '/dev/a', weight: 200 }]]);
    assert.deepEqual(
      [readBytes, writeBytes, writeOperations],
      [[{ path: '/dev/a', rate: 2 ** 20 }], undefined, [{ path: '/dev/b', rate: 7 }]],
    );
  });

  for (const [flag, value, message] of [
    ['--blkio-weight-device', '/dev/a', /^bad format: /],
    ['--blkio-weight-device', 'a:200', /^bad format for device path/],
    ['--blkio-weight-device', '/dev/a:9', /^invalid weight for device/],
    ['--device-read-bps', '/dev/a:-1', /^invalid rate for device/],
    ['--device-read-iops', '/dev/a:1k', /^invalid rate for device/],
  ] as const)
    test(`${flag} ${value} is refused`, () => assert.throws(() => readBlockIo(argumentsOf(flag, value)), { message }));
});

test('labels come from files first', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-cli-'));
  try {
    const file = join(directory, 'labels');
    writeFileSync(file, '# colours\na=1\nb\n\nc=file\n');
    const { labels } = await readContainerOptions(argumentsOf('-l', 'c=flag', '--label-file', file), {});
    assert.deepEqual(labels, { a: '1', b: '', c: 'flag' });
    writeFileSync(file, 'a b=1\n');
    await assert.rejects(readContainerOptions(argumentsOf('--label-file', file), {}), { message: /label 'a b' contains whitespaces/ });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a file for the id is there before the container, and goes when there is none', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-cli-'));
  try {
    const path = join(directory, 'id');
    {
      await using file = await openIdFile(path);
      assert.ok(file !== null && existsSync(path));
    }
    assert.ok(!existsSync(path));
    {
      await using file = await openIdFile(path);
      await file?.write('abc');
    }
    assert.equal(readFileSync(path, 'utf8'), 'abc');
    await assert.rejects(openIdFile(path), { message: /^container ID file found, make sure the other container isn't running or delete / });
    assert.equal(await openIdFile(undefined), null);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
