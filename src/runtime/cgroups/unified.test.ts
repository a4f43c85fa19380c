import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { findLeaks } from '../testing/leaks.ts';
import { reasonToSkip } from '../testing/root.ts';
import { createCgroup, openCgroup } from './cgroup.ts';
import { readControl } from './files.ts';
import { detectCgroupLayout } from './layout.ts';
import { until } from './patience.ts';

function reason(): string | false {
  const none = reasonToSkip();
  return none === false && detectCgroupLayout().mode !== 'v2' ? 'needs a host with cgroup2 alone: npm run test:vm' : none;
}

describe('limits of cgroup2', { skip: reason() }, () => {
  const mark = `orlop-unified-test-${process.pid}`;
  const layout = detectCgroupLayout();
  const children: ChildProcess[] = [];
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await openCgroup(layout, mark).killAll();
    await openCgroup(layout, mark).remove();
    assert.deepEqual(findLeaks(mark), []);
  });

  function makeCgroup(name: string) {
    const cgroup = createCgroup(layout, `${mark}/${name}`);
    const directory = cgroup.unifiedDirectory ?? '';
    const read = (file: string): string | null => readControl(directory, file);
    return { cgroup, directory, read };
  }

  /** A shell that has entered the cgroup before it runs the script. */
  function start(directory: string, script: string, identity: { uid?: number; gid?: number } = {}) {
    const child = spawn('/bin/sh', ['-c', `read -r go; ${script}`], { stdio: ['pipe', 'pipe', 'pipe'], ...identity });
    children.push(child);
    let said = '';
    const keep = (chunk: Buffer): void => void (said += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    writeFileSync(join(directory, 'cgroup.procs'), String(child.pid));
    child.stdin.write('go\n');
    return { child, end: once(child, 'close').then(([code]) => ({ code: code as number | null, said })) };
  }

  test('processor time: weight, quota, period, burst and idleness', async () => {
    const { cgroup, directory, read } = makeCgroup('cpu');
    const steps: [LinuxResources['cpu'], Record<string, string>][] = [
      [
        { shares: 1024, quota: 50_000, period: 20_000, burst: 1_000 },
        { weight: '39', max: '50000 20000', 'max.burst': '1000' },
      ],
      [
        { quota: 2_000, burst: 1_500 },
        { max: '2000 20000', 'max.burst': '1500' },
      ],
      [
        { quota: 1_000, burst: 500 },
        { max: '1000 20000', 'max.burst': '500' },
      ],
      [{ period: 100_000 }, { max: '1000 100000' }],
      [{ idle: 1 }, { idle: '1' }],
      [
        { idle: 0, shares: 2 },
        { idle: '0', weight: '1' },
      ],
    ];
    for (const [cpu, expected] of steps) {
      cgroup.apply({ cpu: cpu ?? {} });
      for (const [file, value] of Object.entries(expected))
        assert.equal(read(`cpu.${file}`), value, `${file} after ${JSON.stringify(cpu)}`);
    }
    start(directory, 'while :; do :; done');
    await until(() => cgroup.stats().cpu.throttledPeriods > 0 && cgroup.stats().cpu.usageUs > 0, 'a busy loop was not held back');
    cgroup.apply({ cpu: { quota: -1 } });
    assert.equal(read('cpu.max'), 'max 100000');
    await cgroup.killAll();
    await cgroup.remove();
  });

  test('processors: members may run on those alone', async () => {
    const { cgroup, directory, read } = makeCgroup('cpuset');
    cgroup.apply({ cpu: { cpus: '0', mems: '0' } });
    assert.deepEqual([read('cpuset.cpus'), read('cpuset.cpus.effective'), read('cpuset.mems')], ['0', '0', '0']);
    const { said } = await start(directory, 'grep Cpus_allowed_list /proc/self/status').end;
    assert.match(said, /:\s*0$/m);
    await cgroup.remove();
  });

  test('memory: limits, swap beside them, and no limit below what is in use when that is asked for', async () => {
    const { cgroup, directory, read } = makeCgroup('memory');
    const mebibyte = 1 << 20;
    cgroup.apply({ memory: { limit: 64 * mebibyte, swap: 96 * mebibyte, reservation: 32 * mebibyte } });
    const sizes = (): (string | null)[] => ['max', 'swap.max', 'low'].map((file) => read(`memory.${file}`));
    assert.deepEqual(
      sizes(),
      [64, 32, 32].map((size) => String(size * mebibyte)),
    );
    cgroup.apply({ memory: { swap: 65 * mebibyte } });
    assert.equal(read('memory.swap.max'), String(mebibyte));
    cgroup.apply({ memory: { limit: 48 * mebibyte, swap: 48 * mebibyte } });
    assert.deepEqual(sizes().slice(0, 2), [String(48 * mebibyte), '0']);
    assert.equal(cgroup.stats().memory.swapLimitBytes, 0);
    start(directory, 'head -c 8m /dev/zero | tail | sleep 1000');
    await until(() => cgroup.stats().memory.usageBytes > mebibyte, 'nothing was allocated');
    assert.throws(
      () => cgroup.apply({ memory: { limit: 4096, checkBeforeUpdate: true } }),
      (error) => isOrlopError(error, 'failed-precondition') && error.message.includes('linux.resources.memory.limit 4096 is below'),
    );
    assert.equal(read('memory.max'), String(48 * mebibyte));
    cgroup.apply({ memory: { limit: -1 } });
    assert.deepEqual(sizes().slice(0, 2), ['max', 'max']);
    await cgroup.killAll();
    await cgroup.remove();
  });

  test('who takes more memory than there is gets killed, and it is counted', async () => {
    const { cgroup, directory } = makeCgroup('oom');
    cgroup.apply({ memory: { limit: 16 << 20, swap: 16 << 20 } });
    const { code } = await start(directory, 'head -c 64m /dev/zero | tail >/dev/null').end;
    assert.notEqual(code, 0);
    const { memory } = cgroup.stats();
    assert.equal(memory.events['oom_kill'], cgroup.outOfMemoryKills());
    assert.ok(memory.outOfMemoryKills > 0 && (memory.events['oom'] ?? 0) > 0 && memory.failures > 0);
    await cgroup.remove();
  });

  test('processes: no more than the limit', async () => {
    const { cgroup, directory } = makeCgroup('pids');
    cgroup.apply({ pids: { limit: 2 } });
    const { said } = await start(directory, '(sleep 0 | sleep 0 | sleep 0)').end;
    assert.match(said, /fork/i);
    cgroup.apply({ pids: { limit: -1 } });
    assert.equal(cgroup.stats().pids.limit, null);
    await cgroup.remove();
  });

  test('block I/O: rates of a device, and a weight where the kernel has one', async () => {
    const { cgroup, read } = makeCgroup('io');
    const number = statSync('/').dev;
    const [major, minor] = [number >> 8, number & 0xff];
    const throttleReadBpsDevice = [{ major, minor, rate: 1 << 20 }];
    cgroup.apply({ blockIO: { throttleReadBpsDevice, throttleWriteIOPSDevice: [{ major, minor, rate: 7 }] } });
    assert.equal(read('io.max'), `${major}:${minor} rbps=1048576 wbps=max riops=max wiops=7`);
    cgroup.apply({ blockIO: { throttleReadBpsDevice: [{ major, minor, rate: 0 }] } });
    assert.equal(read('io.max'), `${major}:${minor} rbps=max wbps=max riops=max wiops=7`);
    const weigh = (): void => cgroup.apply({ blockIO: { weight: 500 } });
    const [file, expected] = read('io.bfq.weight') === null ? ['io.weight', 'default 4950'] : ['io.bfq.weight', 'default 500'];
    if (read(file) === null) assert.throws(weigh, /linux\.resources\.blockIO\.weight cannot be applied/);
    else {
      weigh();
      assert.equal(read(file)?.split('\n')[0], expected);
    }
    await cgroup.remove();
  });

  test('huge pages: use and reservations, and their figures', async () => {
    const { cgroup, read } = makeCgroup('hugetlb');
    const limit = (pageSize: string): void => cgroup.apply({ hugepageLimits: [{ pageSize, limit: 4 << 20 }] });
    if (cgroup.directoryOf('hugetlb') === null) assert.throws(() => limit('2MB'), /this host has no hugetlb controller/);
    else {
      limit('2MB');
      assert.deepEqual([read('hugetlb.2MB.max'), read('hugetlb.2MB.rsvd.max')], [String(4 << 20), String(4 << 20)]);
      const figures = cgroup.stats().hugetlb.find(({ pageSize }) => pageSize === '2MB');
      assert.deepEqual(figures, { pageSize: '2MB', usageBytes: 0, maxUsageBytes: null, limitBytes: 4 << 20, failures: 0 });
      assert.throws(() => limit('3MB'), /linux\.resources\.hugepageLimits\[0\] cannot be applied/);
    }
    await cgroup.remove();
  });

  test('any file of cgroup2 by its name, line by line', async () => {
    const { cgroup, read } = makeCgroup('named');
    const number = statSync('/').dev;
    const device = `${number >> 8}:${number & 0xff}`;
    cgroup.apply({ unified: { 'memory.high': '32M', 'io.max': `${device} rbps=2097152\n${device} wiops=9\n`, 'cgroup.max.depth': '5' } });
    assert.deepEqual([read('memory.high'), read('cgroup.max.depth')], [String(32 << 20), '5']);
    assert.equal(read('io.max'), `${device} rbps=2097152 wbps=max riops=max wiops=9`);
    const refused: [string, RegExp][] = [
      ['../memory.high', /does not name a control file/],
      ['memory/high.x', /does not name a control file/],
      ['memory', /does not name a control file/],
      ['nothing.max', /unified\.nothing\.max cannot be applied: cgroup .* has no nothing controller/],
      ['memory.nothing', /unified\.memory\.nothing cannot be applied: this kernel's memory controller has no memory\.nothing/],
    ];
    for (const [file, message] of refused) assert.throws(() => cgroup.apply({ unified: { [file]: '1' } }), message);
    assert.throws(
      () => cgroup.apply({ unified: { 'memory.high': 'much' } }),
      (error) => isOrlopError(error, 'invalid-argument') && error.message.includes('linux.resources.unified.memory.high'),
    );
    await cgroup.remove();
  });

  test('pressure is told', () => {
    const { cgroup } = makeCgroup('pressure');
    const { pressure } = cgroup.stats();
    for (const kind of ['cpu', 'memory', 'io'] as const) assert.equal(typeof pressure[kind]?.some.totalUs, 'number', kind);
  });

  test('a controller that processes above hold back is named when a limit needs it', async () => {
    const { cgroup, directory } = makeCgroup('held');
    start(directory, 'sleep 1000');
    const inner = createCgroup(layout, `${cgroup.path}/inner`);
    assert.throws(
      () => inner.apply({ memory: { limit: 1 << 20 } }),
      /linux\.resources\.memory\.limit cannot be applied: cgroup .*held\/inner has no memory controller/,
    );
    await cgroup.killAll();
    await cgroup.remove();
  });

  test('the owner of a delegated cgroup makes cgroups below it and hands controllers down, and cannot lift its limits', async () => {
    const { cgroup, directory } = makeCgroup('delegated');
    const owner = 54_321;
    cgroup.apply({ pids: { limit: 20 } });
    cgroup.delegate(owner, owner);
    const script = `cd ${directory} && mkdir inner && echo $$ >inner/cgroup.procs && echo +pids >cgroup.subtree_control && echo 5 >inner/pids.max && cat inner/pids.max; echo max >pids.max || echo denied`;
    const { said } = await start(directory, script, { uid: owner, gid: owner }).end;
    assert.match(said, /^5$/m);
    assert.match(said, /denied/);
    assert.equal(cgroup.stats().pids.limit, 20);
    await cgroup.remove();
  });
});
