import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CLONE_NEWTIME } from '../constants.ts';
import { noSlot, type Op } from '../plan/index.ts';
import { planFailureOf } from './failure.ts';
import { inUserNamespace, openTestContainer, ownNamespaces, reasonToSkip } from './test-container.ts';

const base = 100_000;

describe('what a plan does to its process', { skip: reasonToSkip() }, () => {
  test('in a user namespace of its own the container’s root is nobody on the host', async () => {
    await using container = openTestContainer();
    const { pid } = await container.run({
      ...inUserNamespace(container, base),
      argv: ['sh', '-c', 'id -u; touch /file; cat /proc/self/uid_map; read x'],
      stdio: { op: 'stdio', mode: 1, open_stdin: 1, stdin_once: 0, uid: base, gid: base, stdin: noSlot, stdout: noSlot, stderr: noSlot },
      after: [
        { op: 'make_working_directory', path: '/dev/w/x', uid: 7, gid: 8 },
        { op: 'change_directory', path: '/dev/w/x' },
      ],
    });
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Uid:\\t${base}\\t`, 'm'));
    container.monitor.closeStdin();
    await container.monitor.exited;
    assert.equal(statSync(join(container.root, 'file')).uid, base);
    assert.match(container.logged('stdout'), /^0\n +0 +100000 +65536\n$/);
  });

  test('user, groups, capabilities and no-new-privileges are what the plan says', async () => {
    await using container = openTestContainer();
    const netBind = 1n << 10n;
    await container.run({
      argv: ['sh', '-c', 'id -u; id -g; id -G; cat /proc/self/status'],
      after: [
        { op: 'drop_bounding', keep: netBind },
        { op: 'set_user', uid: 1000, gid: 100, groups: groups(100, 27, 44) },
        { op: 'set_capabilities', effective: netBind, permitted: netBind, inheritable: netBind, ambient: netBind },
        { op: 'set_no_new_privileges' },
      ],
    });
    await container.monitor.exited;
    const output = container.logged('stdout');
    assert.match(output, /^1000\n100\n100 27 44\n/);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(output, new RegExp(`^${set}:\\t0000000000000400$`, 'm'));
    assert.match(output, /^NoNewPrivs:\t1$/m);
  });

  test('a seccomp filter holds from the start', async () => {
    await using container = openTestContainer();
    await container.run({
      argv: ['sh', '-c', 'mkdir /made; echo $?'],
      after: [
        { op: 'set_no_new_privileges' },
        { op: 'load_seccomp', filter: denyMkdir(), flags: 0, listener: noSlot, state: new Uint8Array() },
      ],
    });
    await container.monitor.exited;
    assert.equal(container.logged('stdout'), '1\n');
    assert.match(container.logged('stderr'), /Operation not permitted/);
  });

  test('a stage that its own filter kills is reported', async () => {
    await using container = openTestContainer();
    const killAll = bpf([6, 0, 0, 0x8000_0000]);
    const filter: Op = { op: 'load_seccomp', filter: killAll, flags: 0, listener: noSlot, state: new Uint8Array() };
    const error = await container
      .run({ argv: ['true'], after: [{ op: 'set_no_new_privileges' }, filter] })
      .catch((reason: unknown) => reason);
    assert.equal(planFailureOf(error)?.detail, 'killed by signal 31');
  });

  test('limits, file mask, host name, kernel settings and loopback', async () => {
    await using container = openTestContainer();
    await container.run({
      argv: [
        'sh',
        '-c',
        'ulimit -n; umask; hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward; cat /proc/net/if_inet6',
      ],
      after: [
        { op: 'set_rlimit', resource: 7, soft: 123, hard: 456 },
        { op: 'set_umask', mask: 0o27 },
        { op: 'set_hostname', name: 'hull' },
        { op: 'set_domainname', name: 'sea' },
        { op: 'set_sysctl', path: 'net/ipv4/ip_forward', value: '1' },
        { op: 'bring_up_loopback' },
      ],
    });
    await container.monitor.exited;
    assert.match(container.logged('stdout'), /^123\n0027\nhull\nsea\n1\n/);
    assert.match(container.logged('stdout'), /lo$/m);
  });

  test('masked and read-only paths', async () => {
    await using container = openTestContainer();
    mkdirSync(join(container.root, 'secret'));
    writeFileSync(join(container.root, 'secret/key'), 'key');
    writeFileSync(join(container.root, 'token'), 'token');
    const script =
      'ls /secret /proc/scsi; cat /token; echo x > /proc/sys/kernel/domainname || echo refused; touch /secret/new || echo refused';
    await container.run({
      argv: ['sh', '-c', script],
      before: [
        ...['/secret', '/token', '/proc/scsi', '/not/there'].map((target): Op => ({ op: 'mask', target })),
        ...['/proc/sys', '/not/there'].map((target): Op => ({ op: 'make_read_only', target })),
      ],
    });
    await container.monitor.exited;
    assert.equal(
      container
        .logged('stdout')
        .replaceAll(/^\/(secret|proc\/scsi):\n/gm, '')
        .replaceAll('\n\n', '\n')
        .trim(),
      'refused\nrefused',
    );
    assert.equal(statSync(join(container.root, 'secret/key')).size, 3);
  });

  test('device nodes, links and directories get the mode and the owner that the plan gives', async () => {
    await using container = openTestContainer();
    await container.run({
      argv: ['sh', '-c', 'ls -ln /dev/full /dev/pipe /dev/link; ls -lnd /dev/dir; echo $?'],
      before: [
        { op: 'make_node', target: '/dev/full', mode: 0o020640, major: 1, minor: 7, uid: 3, gid: 4 },
        { op: 'make_node', target: '/dev/full', mode: 0o020666, major: 1, minor: 7, uid: 5, gid: 6 },
        { op: 'make_node', target: '/dev/pipe', mode: 0o010600, major: 0, minor: 0, uid: 0, gid: 0 },
        { op: 'make_symlink', target: '/dev/link', to: '/nowhere' },
        { op: 'make_symlink', target: '/dev/link', to: '/elsewhere' },
        { op: 'make_directory', target: '/dev/dir', mode: 0o1777, uid: 9, gid: 9 },
      ],
    });
    await container.monitor.exited;
    const output = container.logged('stdout').replaceAll(/ +/g, ' ');
    assert.match(output, /^crw-rw-rw- 1 5 6 1, 7 .* \/dev\/full$/m);
    assert.match(output, /^prw------- 1 0 0 .* \/dev\/pipe$/m);
    assert.match(output, /\/dev\/link -> \/nowhere$/m);
    assert.match(output, /^drwxrwxrwt 2 9 9 .* \/dev\/dir$/m);
  });

  test('an existing node of another kind is not taken for the one that was asked for', async () => {
    await using container = openTestContainer();
    const nodes: Op[] = [7, 8].map((minor) => ({ op: 'make_node', target: '/dev/n', mode: 0o020666, major: 1, minor, uid: 0, gid: 0 }));
    const error = await container.run({ argv: ['true'], before: nodes }).catch((reason: unknown) => reason);
    assert.equal(planFailureOf(error)?.errno, 'EEXIST');
  });

  test('a dangling link of the image is followed inside the root when its target is made', async () => {
    await using container = openTestContainer();
    await container.run({
      argv: ['sh', '-c', 'ls -l /run/systemd/resolve; readlink /resolv.conf'],
      before: [
        { op: 'make_symlink', target: '/resolv.conf', to: '../../run/systemd/resolve/stub.conf' },
        { op: 'bind', source: '/dev/null', target: '/resolv.conf', recursive: 0, make: 2 },
      ],
    });
    await container.monitor.exited;
    assert.match(container.logged('stdout'), /stub\.conf\n\.\.\/\.\./);
  });

  test('the clocks of a time namespace are set before it has a process', {
    skip: existsSync('/proc/self/ns/time') ? false : 'needs time namespaces',
  }, async () => {
    await using container = openTestContainer();
    await container.run({
      argv: ['cat', '/proc/uptime'],
      sandbox: {
        plan: [
          { op: 'set_time_offsets', text: 'boottime 1000000 0\n' },
          { op: 'clone', flags: ownNamespaces | CLONE_NEWTIME, cgroup: noSlot },
        ],
        slots: [],
      },
    });
    await container.monitor.exited;
    assert.ok(Number(container.logged('stdout').split(' ')[0]) > 1_000_000);
  });

  test('hooks get the state, and what they say is told when they fail', async () => {
    await using container = openTestContainer();
    const hook = (script: string, timeoutMs = 0): Op => ({
      op: 'run_hook',
      path: '/bin/sh',
      argv: ['sh', '-c', script],
      env: ['GREETING=hello'],
      state: Buffer.from('{"id":"x"}'),
      timeout_ms: timeoutMs,
    });
    const file = join(container.directory, 'hooked');
    await container.run({ argv: ['true'], before: [hook(`cat > ${file}; echo " $GREETING" >> ${file}`)] });
    await container.monitor.exited;
    assert.equal(readFileSync(file, 'utf8'), '{"id":"x"} hello\n');
    await using failing = openTestContainer();
    const error = await failing.run({ argv: ['true'], before: [hook('echo no luck >&2; exit 3')] }).catch((reason: unknown) => reason);
    assert.deepEqual([planFailureOf(error)?.errno, planFailureOf(error)?.detail], ['ECANCELED', 'exit status 3: no luck\n']);
    await using hanging = openTestContainer();
    const late = await hanging.run({ argv: ['true'], before: [hook('exec sleep 1000', 50)] }).catch((reason: unknown) => reason);
    assert.equal(planFailureOf(late)?.errno, 'ETIMEDOUT');
  });
});

const pidsRoot = '/sys/fs/cgroup/pids';
const memoryRoot = '/sys/fs/cgroup/memory';

describe('cgroups', {
  skip: reasonToSkip() || (existsSync(join(memoryRoot, 'cgroup.procs')) ? false : 'needs the v1 memory controller'),
}, () => {
  test('the process is in its cgroups before it runs, and running out of memory is told', async () => {
    const name = `orlop-bosun-test-${process.pid}`;
    const directories = [pidsRoot, memoryRoot].map((root) => join(root, name));
    directories.forEach((directory) => mkdirSync(directory));
    try {
      await using container = openTestContainer();
      writeFileSync(join(memoryRoot, name, 'memory.limit_in_bytes'), String(16 * 1024 * 1024));
      const events = openSync(join(memoryRoot, name, 'memory.oom_control'), 'r');
      const enter = directories.map((directory): Op => ({ op: 'enter_cgroup', procs: join(directory, 'cgroup.procs') }));
      await container.run({
        argv: ['sh', '-c', 'cat /proc/self/cgroup; exec tail /dev/zero'],
        sandbox: {
          plan: [{ op: 'clone', flags: ownNamespaces, cgroup: noSlot }, ...enter, { op: 'set_oom_score', value: 500, required: 0 }],
          slots: [],
        },
        before: [{ op: 'keep_memory_events', events: 2 }],
        slots: [events],
      });
      closeSync(events);
      const exit = await container.monitor.exited;
      assert.deepEqual([exit.signal, exit.outOfMemory], [9, true]);
      for (const controller of ['pids', 'memory']) assert.match(container.logged('stdout'), new RegExp(`:${controller}:.*${name}$`, 'm'));
    } finally {
      directories.forEach((directory) => rmdirSync(directory));
    }
  });
});

function groups(...ids: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(ids.length * 4);
  ids.forEach((id, index) => bytes.writeUInt32LE(id, index * 4));
  return bytes;
}

/** struct sock_filter: code, jump if true, jump if false, constant. */
function bpf(...instructions: readonly (readonly [code: number, ifTrue: number, ifFalse: number, constant: number])[]): Uint8Array {
  const bytes = Buffer.alloc(instructions.length * 8);
  instructions.forEach(([code, ifTrue, ifFalse, constant], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(constant, index * 8 + 4);
  });
  return bytes;
}

/** Load the call's number; EPERM for mkdir and mkdirat, else allow. */
function denyMkdir(): Uint8Array {
  const [mkdir, mkdirat] = process.arch === 'arm64' ? [34, 34] : [83, 258];
  return bpf([0x20, 0, 0, 0], [0x15, 2, 0, mkdir], [0x15, 1, 0, mkdirat], [6, 0, 0, 0x7fff_0000], [6, 0, 0, 0x0005_0001]);
}
