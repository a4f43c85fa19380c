import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { LinuxResources } from '#oci';
import { findLeaks } from '../testing/leaks.ts';
import { runtimeProgram } from '../testing/program.ts';
import { makeBusyboxRoot, reasonToSkip } from '../testing/root.ts';
import { openCgroup } from './cgroup.ts';
import { controlFiles, readControl } from './files.ts';
import { detectCgroupLayout } from './layout.ts';

/** runc of Debian 12: what other runtimes' tests compare with. */
function reason(): string | false {
  const none = reasonToSkip();
  return none === false && spawnSync('runc', ['--version']).status !== 0 ? 'runc is not installed' : none;
}

describe('limits come to what runc makes of them', { skip: reason() }, () => {
  const skipped = reason() !== false;
  const home = skipped ? (null as never) : makeBusyboxRoot();
  const mark = `orlop-limits-test-${process.pid}`;
  const layout = detectCgroupLayout();
  const isV2 = layout.mode === 'v2';
  const programs = {
    runc: ['runc', '--root', join(home?.directory ?? '', 'runc')],
    orlop: [...runtimeProgram, '--root', join(home?.directory ?? '', 'orlop')],
  };
  after(async () => {
    await openCgroup(layout, mark).remove();
    home.remove();
    assert.deepEqual(findLeaks(mark), []);
  });

  function call([file = '', ...first]: readonly string[], words: readonly string[]): string {
    const errors = openSync(join(home.directory, 'errors'), 'w');
    const { status } = spawnSync(file, [...first, ...words], { stdio: ['ignore', 'ignore', errors], timeout: 120_000 });
    closeSync(errors);
    return status === 0 ? '' : `${words[0]} failed: ${readFileSync(join(home.directory, 'errors'), 'utf8')}`;
  }

  /** All settings of the cgroup: files that can be written and tell what was written. A hybrid host's limits are those of v1. */
  function settings(path: string): Record<string, string> {
    const told: Record<string, string> = {};
    for (const { mountPoint, version } of layout.hierarchies) {
      if (version === 2 && !isV2) continue;
      const directory = join(mountPoint, path);
      for (const file of controlFiles(directory)) {
        if (
          /procs$|tasks$|threads$|events$|pressure$|usage|events_local|control$|peak$|cgroup\.(type|kill|freeze|subtree)|notify|clone/.test(
            file,
          )
        )
          continue;
        const mode = statSync(join(directory, file)).mode;
        if ((mode & 0o600) !== 0o600) continue;
        told[`${basename(mountPoint)}/${file}`] = readControl(directory, file) ?? '';
      }
    }
    return told;
  }

  let count = 0;
  function settingsBy(
    program: readonly string[],
    resources: LinuxResources,
    updates: readonly (readonly string[])[],
  ): Record<string, string> {
    count += 1;
    const id = `${mark}-${count}`;
    const path = `${mark}/${count}`;
    const bundle = join(home.directory, `bundle-${count}`);
    mkdirSync(bundle);
    const spec = {
      ociVersion: '1.0.2',
      root: { path: home.root, readonly: true },
      process: { user: { uid: 0, gid: 0 }, cwd: '/', env: ['PATH=/bin'], args: ['sleep', '100'] },
      mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
      linux: { cgroupsPath: `/${path}`, resources, namespaces: [{ type: 'pid' }, { type: 'mount' }] },
    };
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
    const failures = [
      call(program, ['create', '--bundle', bundle, id]),
      ...updates.map((words) => call(program, ['update', ...words, id])),
    ];
    try {
      return { ...settings(path), failures: failures.filter(Boolean).join() };
    } finally {
      call(program, ['delete', '--force', id]);
    }
  }

  function compare(name: string, resources: LinuxResources, updates: readonly (readonly string[])[] = []): void {
    test(name, () => {
      const theirs = settingsBy(programs.runc, resources, updates);
      const ours = settingsBy(programs.orlop, resources, updates);
      assert.equal(theirs['failures'], '');
      assert.deepEqual(ours, theirs);
    });
  }

  const mebibyte = 1 << 20;
  const number = statSync('/').dev;
  const disk = { major: number >> 8, minor: number & 0xff };
  compare('no limits', {});
  compare('processor', { cpu: { shares: 512, quota: 50_000, period: 25_000, cpus: '0', mems: '0' } });
  compare('quota alone', { cpu: { quota: 50_000 } });
  compare('memory', { memory: { limit: 64 * mebibyte, reservation: 32 * mebibyte } });
  compare('swap', { memory: { limit: 64 * mebibyte, swap: 96 * mebibyte } });
  compare('no swap', { memory: { limit: 64 * mebibyte, swap: 64 * mebibyte } });
  compare('any swap', { memory: { limit: 64 * mebibyte, swap: -1 } });
  compare('no memory limit', { memory: { limit: -1 } });
  compare('processes', { pids: { limit: 20 } });
  compare('any number of processes', { pids: { limit: -1 } });
  compare('block I/O', {
    blockIO: {
      throttleReadBpsDevice: [{ ...disk, rate: mebibyte }],
      throttleWriteBpsDevice: [{ ...disk, rate: 2 * mebibyte }],
      throttleReadIOPSDevice: [{ ...disk, rate: 10 }],
      throttleWriteIOPSDevice: [{ ...disk, rate: 20 }],
    },
  });
  if (hasWeights()) compare('block I/O weight', { blockIO: { weight: 500 } });
  compare('devices', {
    devices: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
      { allow: true, type: 'b', major: 8, access: 'r' },
    ],
  });
  if (isV2) compare('files by name', { unified: { 'memory.high': String(32 * mebibyte), 'pids.max': '33', 'cpu.weight': '7' } });
  compare(
    'changes',
    { memory: { limit: 64 * mebibyte, swap: 128 * mebibyte }, cpu: { shares: 1024, quota: 10_000, period: 20_000 }, pids: { limit: 9 } },
    [
      ['--cpu-share', '2048', '--pids-limit', '20'],
      ['--cpu-quota', '30000', '--cpu-period', '60000'],
      ['--memory', '96m', '--memory-swap', '160m'],
      ['--memory', '32m', '--memory-swap', '48m', '--memory-reservation', '16m'],
    ],
  );

  function hasWeights(): boolean {
    const io = openCgroup(layout, mark).directoryOf('blkio');
    return io !== null && ['blkio.weight', 'blkio.bfq.weight', 'io.bfq.weight', 'io.weight'].some((file) => isThere(join(io, '..', file)));
  }
});

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}
