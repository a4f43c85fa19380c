import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { CLONE_NEWTIME, CLONE_NEWUSER, MS_PRIVATE, MS_SHARED } from '../constants.ts';
import { noSlot, type Op, opTable, type OpName } from '../plan/index.ts';
import { isAlive } from '../procfs.ts';
import { readExitRecord } from './exit-record.ts';
import { planFailureOf } from './failure.ts';
import { openTestContainer, ownNamespaces, pipes, reasonToSkip, runPlan, type TestContainer, whenEnded } from './test-container.ts';

interface Attempt {
  /** Where in the plans: before or after `clone` of the sandbox plan; or of the run plan, before the root, in the old root, in the new one, or instead of the one of its name. */
  readonly in: 'joining' | 'cloned' | 'first' | 'before' | 'after' | 'instead';
  /** The last one fails. */
  readonly ops: readonly Op[];
  readonly errno: string;
  readonly syscall: string;
  readonly path: RegExp;
}

const long = 'x'.repeat(65);
const clone = (flags: number): Op => ({ op: 'clone', flags, cgroup: noSlot });
const attempt = (place: Attempt['in'], op: Op | readonly Op[], errno: string, syscall: string, path: RegExp): Attempt => ({
  in: place,
  ops: 'op' in op ? [op] : op,
  errno,
  syscall,
  path,
});
const pass: Op = { op: 'pass_descriptor', source: noSlot, index: 0 };
const noCapabilities: Op = { op: 'set_capabilities', effective: 0, permitted: 0, inheritable: 0, ambient: 0 };
const schedule: Op = { op: 'set_scheduler', policy: 99, flags: 0, nice: 0, priority: 0, runtime: 0, deadline: 0, period: 0 };
const tree = { source: '/dev/null', recursive: 0, make: 0 };

/** Slot 2 is a plain file. */
const logRow: Op = { op: 'rotate_log', directory: noSlot, name: 'log', number: 1, size: 0, age: 0, born: 0, files: 1 };
const attempts: Readonly<Record<OpName, Attempt | 'cannot fail here'>> = {
  join_namespaces: attempt('joining', { op: 'join_namespaces', fd: 2, flags: 0 }, 'EINVAL', 'setns', /^$/),
  join_cgroup: attempt('joining', { op: 'join_cgroup', tasks: '/no/such/tasks' }, 'ENOENT', 'write', /^\/no\/such\/tasks$/),
  set_time_offsets: attempt('joining', { op: 'set_time_offsets', text: 'nonsense' }, 'EINVAL', 'write', /timens_offsets$/),
  start_on: attempt('joining', { op: 'start_on', mask: new Uint8Array(8) }, 'EINVAL', 'sched_setaffinity', /^$/),
  clone: attempt('joining', clone(2 ** 40), 'EINVAL', 'clone3', /flags/),
  map_ids: attempt('cloned', { op: 'map_ids', uids: 'nonsense', gids: '' }, 'EINVAL', 'write', /uid_map$/),
  enter_cgroup: attempt('cloned', { op: 'enter_cgroup', procs: '/no/such/procs' }, 'ENOENT', 'write', /^\/no\/such\/procs$/),
  set_oom_score: attempt('cloned', { op: 'set_oom_score', value: 5000, required: 1 }, 'EINVAL', 'write', /oom_score_adj$/),

  keep_directory: attempt('instead', { op: 'keep_directory', directory: noSlot }, 'EBADF', 'fcntl', /directory/),
  keep_log: attempt('first', { op: 'keep_log', file: noSlot }, 'EBADF', 'fcntl', /log/),
  format_log: attempt('first', { op: 'format_log', format: 9, attributes: new Uint8Array() }, 'EINVAL', 'log', /format/),
  rotate_log: attempt('first', logRow, 'EBADF', 'fcntl', /log directory/),
  buffer_log: attempt('first', { op: 'buffer_log', bytes: 1 }, 'EBADF', 'log', /row/),
  keep_memory_events: attempt('first', { op: 'keep_memory_events', events: noSlot }, 'EBADF', 'fcntl', /memory events/),
  stdio: attempt('instead', { ...pipes(), mode: 9 } as Op, 'EINVAL', 'stdio', /mode/),
  attach_client: attempt('first', { op: 'attach_client', socket: noSlot, streams: 7 }, 'EBADF', 'fcntl', /client/),

  new_session: 'cannot fail here',
  become: attempt('first', { op: 'become', uid: 0xffff_ffff, gid: 0 }, 'EINVAL', 'setresuid', /^$/),
  unshare: attempt('first', { op: 'unshare', flags: 1 }, 'EINVAL', 'unshare', /^$/),
  set_root_propagation: attempt('first', { op: 'set_root_propagation', flags: MS_SHARED | MS_PRIVATE }, 'EINVAL', 'mount', /^\/$/),
  attach_root: attempt('first', { op: 'attach_root', mount: noSlot, at: noSlot }, 'EBADF', 'move_mount', /root/),
  open_root: attempt('first', { op: 'open_root', path: '/no/such/root' }, 'ENOENT', 'open_tree', /^\/no\/such\/root$/),
  open_skeleton: 'cannot fail here',
  enter_root: attempt('after', { op: 'enter_root', mode: 0 }, 'EBADF', 'pivot_root', /no root/),
  mount: attempt(
    'before',
    { op: 'mount', fstype: 'nofs', source: '', options: [], attributes: 0, target: '/m', make: 1 },
    'ENODEV',
    'fsopen',
    /^\/m$/,
  ),
  reconfigure_mount: attempt(
    'before',
    { op: 'reconfigure_mount', target: '/dev', options: ['nonsense=1'] },
    'EINVAL',
    'fsconfig',
    /^\/dev$/,
  ),
  attach_mount: attempt('before', { op: 'attach_mount', mount: 2, target: '/dev', make: 0 }, 'ENOTDIR', 'move_mount', /^\/dev$/),
  attach_queued: attempt('before', { op: 'attach_queued', queue: 2, target: '/dev', make: 0 }, 'ENOTSOCK', 'recvmsg', /^\/dev$/),
  bind: attempt('before', { op: 'bind', ...tree, target: '/no/such' }, 'ENOENT', 'openat2', /^\/no\/such$/),
  bind_inside: attempt(
    'before',
    { op: 'bind_inside', source: '/no/such', target: '/m', recursive: 0, userns: noSlot, mapped: 0 },
    'ENOENT',
    'openat2',
    /^\/no\/such$/,
  ),
  set_mount_attributes: attempt(
    'before',
    { op: 'set_mount_attributes', target: '/bin', set: 1, clear: 0, propagation: 0, recursive: 0, userns: noSlot },
    'EINVAL',
    'mount_setattr',
    /^\/bin$/,
  ),
  move_tree: attempt('before', { op: 'move_tree', from: '/no/such', target: '/dev', make: 0 }, 'ENOENT', 'openat', /^\/no\/such$/),
  make_directory: attempt(
    'before',
    { op: 'make_directory', target: '/proc/d', mode: 0, uid: 0, gid: 0 },
    'ENOENT',
    'mkdirat',
    /^\/proc\/d$/,
  ),
  make_symlink: attempt('before', { op: 'make_symlink', target: '/proc/l', to: 'x' }, 'ENOENT', 'symlinkat', /^\/proc\/l$/),
  make_node: attempt(
    'before',
    { op: 'make_node', target: '/dev/null', mode: 0o020666, major: 1, minor: 5, uid: 0, gid: 0 },
    'EEXIST',
    'mknodat',
    /^\/dev\/null$/,
  ),
  mask: attempt(
    'before',
    [
      { op: 'make_symlink', target: '/loop', to: 'loop' },
      { op: 'mask', target: '/loop' },
    ],
    'ELOOP',
    'openat2',
    /^\/loop$/,
  ),
  make_read_only: attempt(
    'before',
    [
      { op: 'make_symlink', target: '/loop', to: 'loop' },
      { op: 'make_read_only', target: '/loop' },
    ],
    'ELOOP',
    'openat2',
    /^\/loop$/,
  ),
  finish: 'cannot fail here',
  detach_mount: attempt('after', { op: 'detach_mount', target: '/no/such' }, 'ENOENT', 'umount2', /^\/no\/such$/),
  hide_mount: attempt('before', { op: 'hide_mount', path: '/etc/hostname' }, 'ENOTDIR', 'open', /^\/etc\/hostname$/),
  make_working_directory: attempt(
    'after',
    { op: 'make_working_directory', path: '/proc/w', uid: 0, gid: 0 },
    'ENOENT',
    'mkdirat',
    /^\/proc\/w$/,
  ),
  change_directory: attempt('after', { op: 'change_directory', path: '/dev/null' }, 'ENOTDIR', 'chdir', /^\/dev\/null$/),

  set_hostname: attempt('after', { op: 'set_hostname', name: long }, 'EINVAL', 'sethostname', /^x{65}$/),
  set_domainname: attempt('after', { op: 'set_domainname', name: long }, 'EINVAL', 'setdomainname', /^x{65}$/),
  set_sysctl: attempt('after', { op: 'set_sysctl', path: 'net/ipv4/ip_forward', value: 'nonsense' }, 'EINVAL', 'write', /ip_forward$/),
  set_rlimit: attempt('after', { op: 'set_rlimit', resource: 7, soft: 2, hard: 1 }, 'EINVAL', 'prlimit64', /^$/),
  bring_up_loopback: attempt('after', [noCapabilities, { op: 'bring_up_loopback' }], 'EPERM', 'ioctl', /^lo$/),
  open_terminal: attempt(
    'after',
    { op: 'open_terminal', rows: 1, columns: 1, uid: 0, gid: 0, bind_console: 0, console: 2 },
    'ENOTSOCK',
    'sendmsg',
    /terminal/,
  ),
  set_umask: 'cannot fail here',
  set_user: attempt('after', { op: 'set_user', uid: 0xffff_ffff, gid: 0, groups: new Uint8Array() }, 'EINVAL', 'setresuid', /^$/),
  drop_bounding: attempt('after', [noCapabilities, { op: 'drop_bounding', keep: 0 }], 'EPERM', 'prctl', /BSET/),
  set_capabilities: attempt('after', [noCapabilities, { ...noCapabilities, effective: 1, permitted: 1 }], 'EPERM', 'capset', /^$/),
  set_no_new_privileges: 'cannot fail here',
  load_seccomp: attempt(
    'after',
    { op: 'load_seccomp', filter: new Uint8Array(8), flags: 0, listener: noSlot, state: new Uint8Array() },
    'EINVAL',
    'seccomp',
    /^filter$/,
  ),
  set_label: attempt('after', { op: 'set_label', attribute: 'nonsense', label: 'x' }, 'ENOENT', 'openat2', /attr\/nonsense$/),
  wait_for_start: 'cannot fail here',
  new_keyring: attempt('after', { op: 'new_keyring', name: 'x'.repeat(5000) }, 'EINVAL', 'keyctl', /^x+$/),
  set_personality: 'cannot fail here',
  set_scheduler: attempt('after', schedule, 'EINVAL', 'sched_setattr', /^$/),
  set_io_priority: attempt('after', { op: 'set_io_priority', value: 7 << 13 }, 'EINVAL', 'ioprio_set', /^$/),
  set_affinity: attempt('after', { op: 'set_affinity', mask: new Uint8Array(8) }, 'EINVAL', 'sched_setaffinity', /^$/),
  set_memory_policy: attempt('after', { op: 'set_memory_policy', mode: 99, nodes: new Uint8Array(8) }, 'EINVAL', 'set_mempolicy', /^$/),
  pass_descriptor: attempt('after', pass, 'EBADF', 'dup2', /./),
  run_hook: attempt(
    'after',
    { op: 'run_hook', path: '/no/such', argv: ['x'], env: [], state: new Uint8Array(), timeout_ms: 0 },
    'ECANCELED',
    'hook',
    /^\/no\/such$/,
  ),
  execute: attempt('instead', { op: 'execute', argv: ['/no/such'], env: [], keep: 0 }, 'ENOENT', 'execve', /^\/no\/such$/),
};

describe('each op that can fail', { skip: reasonToSkip() }, () => {
  test('is one of the table, and none of the table is left out', () => {
    assert.deepEqual(Object.keys(attempts).toSorted(), Object.keys(opTable).toSorted());
  });

  for (const [name, one] of Object.entries(attempts)) {
    if (one === 'cannot fail here') continue;
    test(`${name} says which call failed, why and on what, and nothing stays`, async () => {
      const file = openSync('/etc/hostname', 'r');
      try {
        await fails(name, one, file);
      } finally {
        closeSync(file);
      }
    });
  }
});

async function fails(name: string, one: Attempt, file: number): Promise<void> {
  await using container = openTestContainer();
  const { monitor } = container;
  const gone = whenEnded(container.addon, monitor.pid);
  let stage = 0;
  const error = await start(container, one, file, (pid) => (stage = pid)).then(
    () => assert.fail('it ran'),
    (reason: unknown) => reason,
  );
  const details = planFailureOf(error);
  assert.ok(details !== null, String(error));
  assert.deepEqual([details.op, details.errno, details.syscall], [name, one.errno, one.syscall]);
  assert.match(details.path, one.path);
  await gone;
  assert.ok(stage === 0 || !isAlive(stage));
  assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(container.directory));
  assert.deepEqual([readdirSync(container.monitorDirectory), readExitRecord(container.monitorDirectory)], [['exit'], null]);
}

async function start(container: TestContainer, one: Attempt, file: number, onStage: (pid: number) => void): Promise<unknown> {
  const { monitor } = container;
  const flags = ownNamespaces | (one.ops[0]?.op === 'map_ids' ? CLONE_NEWUSER : 0);
  const offsets = one.ops[0]?.op === 'set_time_offsets' ? CLONE_NEWTIME : 0;
  const own = [openSync(container.monitorDirectory, 'r'), openSync(`${container.directory}/log`, 'a')];
  try {
    const slots = [...own, file];
    const joining = one.in === 'joining' ? one.ops : [];
    const clones = joining.some(({ op }) => op === 'clone') ? [] : [clone(flags | offsets)];
    const { pid } = await monitor.sandbox([...joining, ...clones, ...(one.in === 'cloned' ? one.ops : [])], slots);
    onStage(pid);
    const plan = runPlan(container.root, { argv: ['true'], [one.in]: one.ops });
    const replaced = plan.map((op) => (one.in === 'instead' && op.op === one.ops[0]?.op ? one.ops[0] : op));
    return await monitor.run(replaced, slots);
  } finally {
    own.forEach((descriptor) => closeSync(descriptor));
  }
}
