import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Linux, LinuxResources, Process, Spec } from '#oci';
import { openCgroup } from '../cgroups/cgroup.ts';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { exampleSpec } from '../oci/commands/spec.ts';
import { makeBusyboxRoot, reasonToSkip } from '../testing/root.ts';
import { openUnitManager } from './manager.ts';
import { planScope } from './properties.ts';

const runtime = join(import.meta.dirname, '../../../bin/orlop-runtime');
const reason =
  reasonToSkip() === false && !existsSync('/run/systemd/system') ? 'needs a host that runs systemd: npm run test:vm' : reasonToSkip();

/** For real: the command line, systemd's bus, its own view of the units, and the kernel's. */
describe('containers in scopes of systemd', { skip: reason }, () => {
  const home = reason === false ? makeBusyboxRoot() : (null as never);
  const mark = `orlopt${process.pid}`;
  const root = reason === false ? join(home.directory, 'state') : '';
  const layout = reason === false ? detectCgroupLayout() : null;
  const isV2 = layout?.mode === 'v2';
  let count = 0;

  after(() => {
    assert.equal(existsSync(root) ? call(['list', '-q']).out : '', '');
    spawnSync('systemctl', ['stop', `${mark}.slice`]);
    home.remove();
  });

  function call(words: readonly string[], detached = false): { code: number | null; out: string; err: string } {
    const errors = join(home.directory, 'stderr');
    const done = spawnSync(runtime, ['--root', root, ...words], {
      encoding: 'utf8',
      timeout: 120_000,
      ...(detached ? { stdio: ['ignore', 'ignore', openSync(errors, 'w')] } : {}),
    });
    return { code: done.status, out: done.stdout ?? '', err: detached ? readFileSync(errors, 'utf8') : (done.stderr ?? '') };
  }

  function bundle(process: Partial<Process>, linux: Linux = {}, annotations: Spec['annotations'] = {}) {
    count += 1;
    const id = `c${count}`;
    const base = exampleSpec();
    const spec: Spec = {
      ...base,
      root: { path: home.root, readonly: true },
      process: { cwd: '/', ...base.process, terminal: false, env: ['PATH=/bin'], args: ['sleep', '1000'], ...process },
      annotations,
      linux: { ...base.linux, cgroupsPath: `${mark}-a.slice:orlopt:${mark}-${id}`, ...linux },
    };
    const directory = mkdtempSync(join(home.directory, 'bundle-'));
    writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
    const cgroup = `${mark}.slice/${mark}-a.slice/orlopt-${mark}-${id}.scope`;
    return { id, directory, cgroup, unit: `orlopt-${mark}-${id}.scope` };
  }

  function show(unit: string, ...names: readonly string[]): Record<string, string> {
    const { stdout } = spawnSync('systemctl', ['show', unit, ...names.flatMap((name) => ['-p', name])], { encoding: 'utf8' });
    return Object.fromEntries(
      stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  /** Memory limit, processor quota and process limit, as the kernel has them. */
  function limitsOf(cgroup: string): string[] {
    const { directoryOf } = openCgroup(layout ?? detectCgroupLayout(), cgroup);
    const read = (controller: 'memory' | 'cpu' | 'pids', file: string): string =>
      readFileSync(join(directoryOf(controller) ?? '', file), 'utf8').trim();
    const quota = isV2 ? read('cpu', 'cpu.max').split(' ')[0] : read('cpu', 'cpu.cfs_quota_us');
    return [read('memory', isV2 ? 'memory.max' : 'memory.limit_in_bytes'), quota ?? '', read('pids', 'pids.max')];
  }

  const resources: LinuxResources = {
    devices: [{ allow: false, access: 'rwm' }],
    memory: { limit: 64 * 1024 * 1024 },
    cpu: { shares: 512, quota: 50_000, period: 100_000 },
    pids: { limit: 20 },
  };

  test('a scope is made with its limits, changed, kept by systemd, and removed', () => {
    const { id, directory, cgroup, unit } = bundle({}, { resources }, { 'org.systemd.property.TimeoutStopSec': '7' });
    const created = call(['--systemd-cgroup', 'create', '--bundle', directory, id], true);
    assert.equal(created.code, 0, created.err);
    const { pid } = JSON.parse(call(['state', id]).out) as { pid: number };
    assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`:/${cgroup.replaceAll('.', '\\.')}$`, 'm'));
    assert.deepEqual(
      show(unit, 'ActiveState', 'Slice', 'Delegate', 'Transient', 'TasksMax', 'CPUQuotaPerSecUSec', 'TimeoutStopUSec', 'DevicePolicy'),
      {
        ActiveState: 'active',
        Slice: `${mark}-a.slice`,
        Delegate: 'yes',
        Transient: 'yes',
        TasksMax: '20',
        CPUQuotaPerSecUSec: '500ms',
        TimeoutStopUSec: '7s',
        DevicePolicy: 'strict',
      },
    );
    assert.equal(Object.values(show(unit, isV2 ? 'MemoryMax' : 'MemoryLimit'))[0], '67108864');
    assert.deepEqual(limitsOf(cgroup), ['67108864', '50000', '20']);
    assert.equal(call(['start', id]).code, 0);
    const updated = call([
      'update',
      '--pids-limit',
      '30',
      '--memory',
      String(128 * 1024 * 1024),
      '--cpu-quota',
      '20000',
      '--cpu-period',
      '100000',
      id,
    ]);
    assert.equal(updated.code, 0, updated.err);
    assert.deepEqual(show(unit, 'TasksMax', 'CPUQuotaPerSecUSec'), { TasksMax: '30', CPUQuotaPerSecUSec: '200ms' });
    assert.equal(spawnSync('systemctl', ['daemon-reload']).status, 0);
    assert.deepEqual(limitsOf(cgroup), ['134217728', '20000', '30']);
    const exec = call(['exec', id, 'sh', '-c', 'echo x >/dev/null && cat /proc/self/cgroup']);
    assert.equal(exec.code, 0, exec.err);
    // The same limits again, and the devices with them: what every container may use is never taken away.
    const whole = join(directory, 'resources.json');
    writeFileSync(whole, JSON.stringify({ devices: resources.devices }));
    assert.equal(call(['update', '--resources', whole, id]).code, 0);
    assert.equal(call(['exec', id, 'sh', '-c', 'echo x >/dev/null']).code, 0);
    assert.equal(call(['pause', id]).code, 0);
    assert.match(call(['state', id]).out, /"status": "paused"/);
    assert.equal(call(['resume', id]).code, 0);
    const removed = call(['delete', '--force', id]);
    assert.equal(removed.code, 0, removed.err);
    assert.equal(show(unit, 'LoadState')['LoadState'], 'not-found');
    for (const { mountPoint } of layout?.hierarchies ?? []) assert.ok(!existsSync(join(mountPoint, cgroup)), mountPoint);
  });

  test('a container that ends leaves no unit, whatever its program says', () => {
    const { id, directory, cgroup, unit } = bundle({ args: ['sh', '-c', 'cat /proc/self/cgroup; exit 3'] }, { resources });
    const { code, out, err } = call(['--systemd-cgroup', 'run', '--bundle', directory, id]);
    assert.equal(code, 3, err);
    // With cgroup2 alone the example asks for a cgroup namespace, which begins at the scope; else every hierarchy has the scope.
    const paths = out
      .trim()
      .split('\n')
      .map((line) => line.split(':').at(-1));
    assert.deepEqual([...new Set(paths)], [isV2 ? '/' : `/${cgroup}`]);
    assert.equal(show(unit, 'LoadState')['LoadState'], 'not-found');
  });

  test('one that cannot start leaves no unit, and one whose unit exists leaves that alone', () => {
    const failing = bundle({ args: ['/nowhere'] });
    const failed = call(['--systemd-cgroup', 'run', '--bundle', failing.directory, failing.id]);
    assert.notEqual(failed.code, 0);
    assert.match(failed.err, /nowhere/);
    assert.equal(show(failing.unit, 'LoadState')['LoadState'], 'not-found');
    const first = bundle({});
    assert.equal(call(['--systemd-cgroup', 'run', '--detach', '--bundle', first.directory, first.id], true).code, 0);
    const second = bundle({}, { cgroupsPath: `${mark}-a.slice:orlopt:${mark}-${first.id}` });
    const refused = call(['--systemd-cgroup', 'run', '--bundle', second.directory, second.id]);
    assert.match(refused.err, /already/);
    assert.match(call(['state', first.id]).out, /"status": "running"/);
    assert.equal(call(['delete', '--force', first.id]).code, 0);
  });

  test('without a bus systemd takes the same calls directly', async () => {
    const process = spawn('sleep', ['1000']);
    const unit = `orlopt-${mark}-direct.scope`;
    try {
      using manager = await openUnitManager({ bus: '/nowhere', direct: '/run/systemd/private' });
      assert.ok(manager.version > 200);
      await manager.startTransient(
        unit,
        planScope({ id: 'direct', slice: `${mark}.slice`, pid: process.pid ?? 0, cgroups: isV2 ? 'v2' : 'v1' }),
      );
      assert.equal(show(unit, 'ActiveState')['ActiveState'], 'active');
      await manager.stop(unit);
      assert.equal(show(unit, 'LoadState')['LoadState'], 'not-found');
    } finally {
      process.kill('SIGKILL');
    }
  });

  test('what cannot be is refused before anything is made', () => {
    const { id, directory } = bundle({}, { cgroupsPath: '/not/for/systemd' });
    assert.match(call(['--systemd-cgroup', 'run', '--bundle', directory, id]).err, /slice:prefix:name/);
    const odd = bundle({}, {}, { 'org.systemd.property.NoSuchThing': 'true' });
    assert.match(call(['--systemd-cgroup', 'run', '--bundle', odd.directory, odd.id]).err, /NoSuchThing|not set|property/);
    assert.equal(show(odd.unit, 'LoadState')['LoadState'], 'not-found');
  });
});
