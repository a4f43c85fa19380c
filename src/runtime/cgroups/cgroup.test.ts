import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { findLeaks } from '../testing/leaks.ts';
import { reasonToSkip } from '../testing/root.ts';
import { createCgroup, openCgroup } from './cgroup.ts';
import { detectCgroupLayout } from './layout.ts';

test('a path that leaves the hierarchy or names its root is refused', () => {
  const layout = { mode: 'v2', hierarchies: [], unified: null, unifiedControllers: [] } as const;
  for (const path of ['', '/', '..', 'a/../..', 'a/..', '.', 'x\0y']) {
    assert.throws(
      () => openCgroup(layout, path),
      (error) => isOrlopError(error, 'invalid-argument'),
      JSON.stringify(path),
    );
  }
  assert.equal(openCgroup(layout, '/a//b/./c').path, 'a/b/c');
});

describe('cgroups of this host', { skip: reasonToSkip() }, () => {
  const mark = `orlop-cgroup-test-${process.pid}`;
  const children: ChildProcess[] = [];
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await openCgroup(detectCgroupLayout(), mark).remove();
    assert.deepEqual(findLeaks(mark), []);
  });

  /** A shell that waits for a line, so that it can be moved before it forks. */
  async function startWaiting(script: string): Promise<ChildProcess & { readonly pid: number }> {
    const child = spawn('/bin/sh', ['-c', `read go; ${script}`], { stdio: ['pipe', 'pipe', 'ignore'] });
    children.push(child);
    await once(child, 'spawn');
    return child as ChildProcess & { readonly pid: number };
  }

  async function enter(path: string, script: string) {
    const layout = detectCgroupLayout();
    const cgroup = createCgroup(layout, `${mark}/${path}`);
    const child = await startWaiting(script);
    for (const file of cgroup.procsFiles) writeFileSync(file, String(child.pid));
    child.stdin?.write('go\n');
    return { layout, cgroup, child };
  }

  test('limits hold, members are counted, and killing ends them all', async () => {
    const { cgroup, child } = await enter('limits', 'sleep 1000 & sleep 1000 & echo started; wait');
    await once(child.stdout ?? child, 'data');
    cgroup.apply({ pids: { limit: 17 } });
    assert.equal(cgroup.stats().pids.limit, 17);
    assert.equal(cgroup.stats().pids.current, 3);
    assert.equal(cgroup.pids().length, 3);
    assert.ok(cgroup.pids().includes(child.pid));
    const ended = once(child, 'exit');
    await cgroup.killAll();
    assert.deepEqual(cgroup.pids(), []);
    await ended;
    await cgroup.remove();
    assert.ok(!existsSync(join(cgroup.layout.hierarchies[0]?.mountPoint ?? '', cgroup.path)));
  });

  test('a memory limit is set and lifted', { skip: hasMemory() ? false : 'needs the memory controller' }, async () => {
    const cgroup = createCgroup(detectCgroupLayout(), `${mark}/memory`);
    cgroup.apply({ memory: { limit: 64 << 20 } });
    assert.equal(cgroup.stats().memory.limitBytes, 64 << 20);
    cgroup.apply({ memory: { limit: -1 } });
    assert.equal(cgroup.stats().memory.limitBytes, null);
    assert.equal(cgroup.outOfMemoryKills(), 0);
    await cgroup.remove();
  });

  test('a frozen cgroup stands still, thaws, and can be killed while frozen', async () => {
    const { cgroup, child } = await enter('frozen', 'while :; do :; done');
    await cgroup.freeze();
    assert.ok(cgroup.isFrozen());
    const before = cpuTicks(child.pid);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(cpuTicks(child.pid), before);
    await cgroup.thaw();
    assert.ok(!cgroup.isFrozen());
    await cgroup.freeze();
    const ended = once(child, 'exit');
    await cgroup.killAll();
    await ended;
    await cgroup.remove();
  });

  test('a cgroup in use cannot be made again, and removing it says so', async () => {
    const { layout, cgroup, child } = await enter('used', 'sleep 1000');
    assert.throws(
      () => createCgroup(layout, cgroup.path),
      (error) => isOrlopError(error, 'already-exists'),
    );
    assert.deepEqual(cgroup.pids().slice(0, 1), [child.pid]);
    await cgroup.killAll();
    await cgroup.remove();
    await cgroup.remove();
  });

  test('nested cgroups are removed with their parent', async () => {
    const layout = detectCgroupLayout();
    const outer = createCgroup(layout, `${mark}/outer`);
    createCgroup(layout, `${mark}/outer/a/b`);
    await outer.remove();
    for (const { mountPoint } of layout.hierarchies) assert.ok(!existsSync(join(mountPoint, outer.path)));
  });

  test('a delegated cgroup2 belongs to its new owner, limits do not', { skip: detectUnified() ? false : 'needs cgroup2' }, async () => {
    const layout = detectCgroupLayout();
    const cgroup = createCgroup(layout, `${mark}/delegated`);
    cgroup.delegate(123_456, 123_457);
    const unified = join(layout.unified ?? '', cgroup.path);
    for (const file of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']) {
      const { uid, gid } = statSync(join(unified, file));
      assert.deepEqual([uid, gid], [123_456, 123_457], file);
    }
    assert.equal(statSync(join(unified, 'cgroup.max.depth')).uid, 0);
    await cgroup.remove();
  });

  test('a value that the kernel refuses is named with its JSON path', async () => {
    const cgroup = createCgroup(detectCgroupLayout(), `${mark}/refused`);
    assert.throws(
      () => cgroup.apply({ cpu: { cpus: '4000' } }),
      (error) => isOrlopError(error) && error.message.includes('linux.resources.cpu.cpus'),
    );
    await cgroup.remove();
  });
});

function hasMemory(): boolean {
  return process.getuid?.() === 0 && openCgroup(detectCgroupLayout(), 'x').directoryOf('memory') !== null;
}

function detectUnified(): boolean {
  return process.getuid?.() === 0 && detectCgroupLayout().unified !== null;
}

function cpuTicks(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 15).join();
}
