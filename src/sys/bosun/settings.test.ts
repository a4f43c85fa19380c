import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { noSlot, type Op } from '../plan/index.ts';
import { planFailureOf } from './failure.ts';
import { openTestContainer, ownNamespaces, reasonToSkip, type ContainerOptions, type TestContainer } from './test-container.ts';

/** Runs a script of busybox's after these ops and gives what it wrote. */
async function outputOf(after: readonly Op[], script: string, options: Partial<ContainerOptions> = {}): Promise<string> {
  await using container = openTestContainer();
  await container.run({ argv: ['sh', '-c', script], after, ...options });
  const { exitCode } = await container.monitor.exited;
  assert.equal(exitCode, 0, container.logged('stderr'));
  return container.logged('stdout');
}

async function failureOf(container: TestContainer, options: Partial<ContainerOptions>) {
  const error = await container.run({ argv: ['true'], ...options }).catch((reason: unknown) => reason);
  const failure = planFailureOf(error);
  assert.ok(failure !== null, String(error));
  return failure;
}

const schedule: Extract<Op, { op: 'set_scheduler' }> = {
  op: 'set_scheduler',
  policy: 0,
  flags: 0,
  nice: 0,
  priority: 0,
  runtime: 0,
  deadline: 0,
  period: 0,
};
/** proc_pid_stat(5): 19 is nice, 40 the real-time priority, 41 the policy. */
const statFields = `read line </proc/self/stat; set -- \${line##*)}; echo \${17} \${38} \${39}`;
const cpus = 'grep Cpus_allowed_list: /proc/self/status';
const first = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
/** BPF_RET | BPF_K with SECCOMP_RET_ALLOW: linux/filter.h, linux/seccomp.h. */
const allowAll = Uint8Array.of(6, 0, 0, 0, 0, 0, 0xff, 0x7f);

function readCpus(pid: number | 'self'): string {
  return /^Cpus_allowed:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

function readLinks(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`));
}

describe('settings of the process', { skip: reasonToSkip() }, () => {
  test('scheduling policy and nice value', async () => {
    assert.equal(await outputOf([{ ...schedule, policy: 3, nice: 7 }], statFields), '7 0 3\n');
    assert.equal(await outputOf([{ ...schedule, policy: 5 }], statFields), '0 0 5\n');
  });

  test('a scheduling policy that does not exist is reported', async () => {
    await using container = openTestContainer();
    const { op, errno, syscall } = await failureOf(container, { after: [{ ...schedule, policy: 77 }] });
    assert.deepEqual([op, errno, syscall], ['set_scheduler', 'EINVAL', 'sched_setattr']);
  });

  test('I/O priority', async () => {
    assert.equal(await outputOf([{ op: 'set_io_priority', value: (2 << 13) | 6 }], 'busybox ionice -p $$'), 'best-effort: prio 6\n');
    assert.equal(await outputOf([{ op: 'set_io_priority', value: 3 << 13 }], 'busybox ionice -p $$'), 'idle\n');
  });

  test('processors, from the cgroup on', async () => {
    assert.equal(await outputOf([{ op: 'set_affinity', mask: first }], cpus), 'Cpus_allowed_list:\t0\n');
  });

  test('processors that do not exist are reported', async () => {
    await using container = openTestContainer();
    const mask = new Uint8Array(512);
    mask[511] = 0x80;
    const { op, errno } = await failureOf(container, { after: [{ op: 'set_affinity', mask }] });
    assert.deepEqual([op, errno], ['set_affinity', 'EINVAL']);
  });

  test('processors that it begins on, with and without an intermediate process', async () => {
    const begin: Op = { op: 'start_on', mask: first };
    const clone: Op = { op: 'clone', flags: ownNamespaces, cgroup: noSlot };
    const offsets: Op = { op: 'set_time_offsets', text: 'monotonic 100 0\n' };
    assert.equal(await outputOf([], cpus, { sandbox: { plan: [begin, clone], slots: [] } }), 'Cpus_allowed_list:\t0\n');
    assert.equal(await outputOf([], cpus, { sandbox: { plan: [begin, offsets, clone], slots: [] } }), 'Cpus_allowed_list:\t0\n');
    await using container = openTestContainer();
    const none: Op = { op: 'start_on', mask: new Uint8Array(8) };
    const failure = await failureOf(container, { sandbox: { plan: [none, clone], slots: [] } });
    assert.deepEqual([failure.op, failure.opIndex, failure.errno], ['start_on', 0, 'EINVAL']);
  });

  test('the monitor goes back to its own processors', async () => {
    await using container = openTestContainer();
    await container.run({
      argv: ['sleep', '1000'],
      sandbox: {
        plan: [
          { op: 'start_on', mask: first },
          { op: 'clone', flags: ownNamespaces, cgroup: noSlot },
        ],
        slots: [],
      },
    });
    assert.equal(readCpus(container.monitor.pid), readCpus('self'));
  });

  test('personality', async () => {
    const machine = await outputOf([{ op: 'set_personality', persona: 8 }], 'busybox uname -m; cat /proc/self/personality');
    assert.match(machine, /^(i686|armv8l|armv7l)\n00000008\n$/);
  });

  test('memory policy', { skip: existsSync('/sys/devices/system/node/node0') ? false : 'this kernel has no NUMA' }, async () => {
    const policy: Op = { op: 'set_memory_policy', mode: 2, nodes: first };
    assert.match(await outputOf([policy], 'head -n 3 /proc/self/numa_maps'), /^[0-9a-f]+ bind:0 /);
    const none: Op = { op: 'set_memory_policy', mode: 4, nodes: new Uint8Array() };
    assert.match(await outputOf([none], 'head -n 3 /proc/self/numa_maps'), /^[0-9a-f]+ local /);
    await using container = openTestContainer();
    const beyond = { op: 'set_memory_policy', mode: 2, nodes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80) } as const;
    const failure = await failureOf(container, { after: [beyond] });
    assert.deepEqual([failure.op, failure.syscall, failure.errno], ['set_memory_policy', 'set_mempolicy', 'EINVAL']);
  });

  test('a session keyring of its own, by name', { skip: existsSync('/proc/keys') ? false : 'this kernel has no keyrings' }, async () => {
    const keyring = 'orlop-test-keyring';
    const keys = await outputOf([{ op: 'new_keyring', name: keyring }], 'cat /proc/keys');
    assert.match(keys, new RegExp(` keyring +${keyring}: empty`));
  });

  test('a label that no security module takes is refused by name', async () => {
    await using container = openTestContainer();
    const label: Op = { op: 'set_label', attribute: 'apparmor/exec', label: 'exec orlop-no-such-profile' };
    const { op, errno, path } = await failureOf(container, { after: [label] });
    assert.equal(op, 'set_label');
    assert.ok(['ENOENT', 'EINVAL', 'EACCES'].includes(errno), errno);
    assert.match(path, /attr\/apparmor\/exec/);
  });
});

describe('descriptors that go to somebody else', { skip: reasonToSkip() }, () => {
  test('a seccomp listener is sent over its socket with the state', async () => {
    await using container = openTestContainer();
    const [ours, theirs] = container.addon.socketPair();
    const state = Buffer.from('{"fds":["seccompFd"]}');
    const filter: Op = { op: 'load_seccomp', filter: allowAll, flags: 0, listener: 2, state };
    await container.run({ argv: ['sleep', '1000'], after: [filter], slots: [theirs] });
    const { data, descriptors } = container.addon.receiveDescriptors(ours, 4096, 4, 10_000);
    assert.equal(data.toString(), state.toString());
    assert.deepEqual(
      descriptors.map((descriptor) => readlinkSync(`/proc/self/fd/${descriptor}`)),
      ['anon_inode:seccomp notify'],
    );
    for (const descriptor of [...descriptors, ours, theirs]) container.addon.close(descriptor);
  });

  test('a filter that is none is reported', async () => {
    await using container = openTestContainer();
    const filter = (bytes: Uint8Array): Op => ({ op: 'load_seccomp', filter: bytes, flags: 0, listener: noSlot, state: new Uint8Array() });
    const { op, errno, syscall } = await failureOf(container, { after: [filter(new Uint8Array(8).fill(0xff))] });
    assert.deepEqual([op, errno, syscall], ['load_seccomp', 'EINVAL', 'seccomp']);
  });

  test('the terminal is sent over a console socket, and the monitor keeps nothing of it', async () => {
    await using container = openTestContainer();
    const [ours, theirs] = container.addon.socketPair();
    const open: Op = { op: 'open_terminal', rows: 30, columns: 100, uid: 0, gid: 0, bind_console: 0, console: 2 };
    const stdio: Op = { op: 'stdio', mode: 0, open_stdin: 0, stdin_once: 0, uid: 0, gid: 0, stdin: noSlot, stdout: noSlot, stderr: noSlot };
    await container.run({ argv: ['sh', '-c', 'stty size; read x; echo "got $x"'], stdio, after: [open], slots: [theirs] });
    const { data, descriptors } = container.addon.receiveDescriptors(ours, 4096, 4, 10_000);
    const [master = -1] = descriptors;
    assert.equal(descriptors.length, 1);
    assert.match(data.toString(), /ptm|pts|console/);
    assert.match(readlinkSync(`/proc/self/fd/${master}`), /ptmx|pts/);
    assert.ok(!readLinks(container.monitor.pid).some((link) => link.includes('ptmx')));
    for (const descriptor of [master, ours, theirs]) container.addon.close(descriptor);
  });
});
