import assert from 'node:assert/strict';
import { readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { detectCgroupLayout, supportsLimit } from '#runtime';
import { isAlive } from '#sys';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import { assertNothingLeft, cgroupsOf } from '../fixtures/traces.ts';
import type { CreateRequest } from '../model.ts';

describe('what a container shares and is held to', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  let host: TestEngine;
  before(async () => void (host = await openTestEngine()));
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
  });

  /** What a script says in a container of its own. */
  async function say(script: string, request: Partial<CreateRequest> = {}): Promise<string> {
    const id = await host.run(['sh', '-c', script], request);
    const code = await host.exitCode(id);
    const said = await host.output(id);
    assert.equal(code, 0, said);
    await host.engine.containers.remove(id, {});
    return said;
  }
  const own = (name: string): string => `${readlinkSync(`/proc/self/ns/${name}`)}\n`;
  const spaces = 'for n in pid ipc uts cgroup; do readlink /proc/self/ns/$n; done';

  test('is nothing of the host without being asked', async () => {
    const said = await say(spaces);
    for (const name of ['pid', 'ipc', 'uts', 'cgroup']) assert.ok(!said.includes(own(name)), name);
  });

  test('is the host’s where that is asked for', async () => {
    assert.equal(
      await say('readlink /proc/self/ns/pid; cat /proc/1/comm', { pidNamespace: 'host' }),
      own('pid') + readFileSync('/proc/1/comm', 'utf8'),
    );
    assert.equal(await say('readlink /proc/self/ns/ipc', { ipcNamespace: 'host' }), own('ipc'));
    assert.equal(await say('readlink /proc/self/ns/cgroup', { cgroupNamespace: 'host' }), own('cgroup'));
    assert.equal(await say('readlink /proc/self/ns/uts; hostname', { utsNamespace: 'host' }), `${own('uts')}${hostname()}\n`);
  });

  test('keeps its users apart from the host’s unless processes, memory or cgroups are shared', async () => {
    const first = 'read -r inside outside count < /proc/self/uid_map; echo $((outside == 0))';
    assert.equal(await say(first, { utsNamespace: 'host' }), '0\n');
    for (const request of [{ pidNamespace: 'host' }, { ipcNamespace: 'host' }, { cgroupNamespace: 'host' }] as const)
      assert.equal(await say(first, request), '1\n', JSON.stringify(request));
  });

  test('has no shared memory if it is to have none', async () => {
    assert.equal(await say('grep -c " /dev/shm " /proc/mounts || true', { ipcNamespace: 'none' }), '0\n');
    assert.equal(await say('grep -c " /dev/shm " /proc/mounts', { ipcNamespace: 'private' }), '1\n');
  });

  test('can be processes and memory of another container, with its users', async () => {
    const donor = await host.run(['sh', '-c', 'echo mine > /dev/shm/note; echo ready; sleep 1000'], {
      ipcNamespace: 'shareable',
      shmSizeBytes: 2 ** 20,
    });
    await host.firstOutput(donor);
    const short = donor.slice(0, 12);
    const said = await say('cat /dev/shm/note; cat /proc/1/cmdline | tr "\\0" " "; echo; id -u', {
      pidNamespace: `container:${short}`,
      ipcNamespace: `container:${short}`,
    });
    assert.match(said, /^mine\nsleep 1000 \n0\n$/);
    // Names change, ids do not.
    const id = await host.create(['true'], { pidNamespace: `container:${short}` });
    assert.equal(host.engine.containers.inspect(id).request.pidNamespace, `container:${donor}`);
    await host.engine.containers.remove(donor, { force: true });
    await assert.rejects(host.engine.containers.start(id), { kind: 'not-found' });
    await host.engine.containers.remove(id, {});
  });

  test('ends with the first process of the namespace that it joined', async () => {
    const donor = await host.run(['sleep', '1000']);
    const id = await host.run(['sleep', '1000'], { pidNamespace: `container:${donor}` });
    await host.engine.containers.stop(donor, { timeoutS: 0 });
    assert.equal(await host.exitCode(id), 137);
    for (const each of [id, donor]) await host.engine.containers.remove(each, {});
  });

  test('all its processes end with it where their numbers are the host’s', async () => {
    const id = await host.run(['sh', '-c', 'sleep 1000 & echo $!'], { pidNamespace: 'host' });
    await host.exitCode(id);
    const pid = await host.output(id);
    assert.ok(!isAlive(Number(pid)));
    await host.engine.containers.remove(id, {});
  });

  test('ends with its first process, whoever of the others still holds its output, also under a later engine', async () => {
    const first = await host.run(['sleep', '1000']);
    for (const pidNamespace of ['host', `container:${first}`]) {
      const id = await host.run(['sh', '-c', 'sleep 1000 & read line; exit 3'], { pidNamespace, openStdin: true, stdinOnce: true });
      if (pidNamespace !== 'host') await host.reopen();
      const attached = await host.engine.containers.attach(id, { stdin: true, stdout: false, stderr: false });
      const begun = performance.now();
      attached.stream.end('go\n');
      assert.equal(await host.exitCode(id), 3);
      // A monitor waits for the output of those that are left for five seconds.
      assert.ok(performance.now() - begun < 4000, `${performance.now() - begun} ms`);
      await host.engine.containers.remove(id, {});
    }
    await host.engine.containers.remove(first, { force: true });
  });

  test('has its cgroup below the one that was asked for, and keeps it over a restart of the engine', async () => {
    const id = await host.run(['sleep', '1000'], { cgroupParent: 'some/where' });
    const path = `${host.traces.cgroupParent}/some/where/${id}`;
    assert.equal(host.engine.containers.inspect(id).cgroupPath, path);
    await host.reopen();
    assert.equal(host.engine.containers.inspect(id).status, 'running');
    await host.engine.containers.remove(id, { force: true });
    assert.deepEqual(cgroupsOf(host.traces), ['some']);
    await assert.rejects(host.create(['true'], { cgroupParent: '/a/../../b' }), {
      kind: 'invalid-argument',
      message: /^invalid cgroup parent/,
    });
  });

  test('has its cgroup below the root when the parent is a whole path', async () => {
    const parent = `${host.traces.cgroupParent}-apart`;
    const id = await host.create(['true'], { cgroupParent: `/${parent}/` });
    await host.engine.containers.start(id);
    await host.exitCode(id);
    await host.engine.containers.remove(id, {});
    for (const { mountPoint } of detectCgroupLayout().hierarchies) rmdirSync(join(mountPoint, parent));
  });

  test('is held to limits that this kernel has', async (t) => {
    const layout = detectCgroupLayout();
    if (layout.mode === 'v2') return t.skip('reads files of v1');
    const limits = { memoryBytes: 2 ** 26, swappiness: 7, noOutOfMemoryKill: true };
    const read = 'cd /sys/fs/cgroup/memory; cat memory.swappiness; head -1 memory.oom_control';
    assert.equal(await say(read, { limits }), '7\noom_kill_disable 1\n');
  });

  test('has a weight that an update changes, or is warned that there is none', async () => {
    const { id, warnings } = await host.engine.containers.create({
      kind: 'app',
      image: 'busybox',
      network: 'none',
      command: ['sleep', '1000'],
      limits: { ioWeight: 300 },
    });
    const changed = await (await host.engine.containers.start(id), host.engine.containers.update(id, { limits: { ioWeight: 200 } }));
    const supported = supportsLimit(detectCgroupLayout(), 'weight');
    assert.deepEqual([warnings.length, changed.length], supported ? [0, 0] : [1, 1]);
    assert.equal(host.engine.containers.inspect(id).request.limits?.ioWeight, supported ? 200 : undefined);
    await host.engine.containers.remove(id, { force: true });
  });

  test('sees what is hidden of /proc as far as was chosen', async () => {
    const count = 'grep -c " /proc/" /proc/mounts || true';
    assert.equal(await say(count, { maskedPaths: [], readonlyPaths: [] }), '0\n');
    assert.equal(await say(count, { maskedPaths: ['/proc/keys'], readonlyPaths: [] }), '1\n');
  });

  test('is refused limits of what is no block device', async () => {
    const id = await host.create(['true'], { limits: { readBytes: [{ path: '/dev/null', rate: 1 }] } });
    await assert.rejects(host.engine.containers.start(id), {
      kind: 'invalid-argument',
      message: '/dev/null is no block device of this host',
    });
    await host.engine.containers.remove(id, {});
  });
});
