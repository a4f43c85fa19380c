import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import type { Process, Spec } from '#oci';
import * as k from '#sys';
import { encodePlan, type Op } from '#sys';
import type { NamespaceName } from '../sandbox/types.ts';
import { type ContainerFacts, planContainer } from './container.ts';
import { createSlots } from './slots.ts';
import { sysctlPath } from './sysctls.ts';

const process: Process = { args: ['sleep', '1'], cwd: '/', env: ['A=b'] };
const usual: readonly NamespaceName[] = ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'];

function facts(changes: Partial<ContainerFacts> = {}): ContainerFacts {
  return {
    slots: createSlots(),
    prepared: new Map(),
    cgroups: null,
    cgroupPath: null,
    ownCgroupNamespace: true,
    label: null,
    stdio: { mode: 'null' },
    hostUid: 0,
    hostGid: 0,
    monitorDirectory: null,
    log: null,
    memoryEvents: null,
    clients: [],
    seccomp: null,
    security: { appArmor: false, seLinux: false },
    keyring: null,
    waitForStart: null,
    hooks: [],
    hookState: new Uint8Array(),
    passed: [],
    root: { path: '/r' },
    created: new Set(usual),
    joined: new Set(),
    skeleton: null,
    hostHasKcore: false,
    mayMakeNodes: true,
    noPivot: false,
    sharedInside: false,
    revealing: [],
    ...changes,
  };
}

function plan(spec: Partial<Spec>, changes: Partial<ContainerFacts> = {}): readonly Op[] {
  return planContainer({ ociVersion: '1.2.0', process, ...spec }, facts(changes)).plan;
}

const names = (ops: readonly Op[]): string[] => ops.map(({ op }) => op);
const find = <Name extends Op['op']>(ops: readonly Op[], name: Name) => ops.filter((op): op is Extract<Op, { op: Name }> => op.op === name);

test('a plain container takes the steps in this order', () => {
  const bare = names(
    plan({
      hostname: 'web',
      linux: { maskedPaths: ['/m'], readonlyPaths: ['/r'], sysctl: { 'net.ipv4.ip_forward': '1' } },
      root: { path: 'r', readonly: true },
    }),
  ).filter((name) => !['make_node', 'make_symlink'].includes(name));
  assert.deepEqual(bare, [
    'stdio',
    'unshare',
    'set_root_propagation',
    'bring_up_loopback',
    'open_root',
    'set_hostname',
    'set_sysctl',
    'make_read_only',
    'mask',
    'set_mount_attributes',
    'enter_root',
    'set_affinity',
    'drop_bounding',
    'change_directory',
    'set_user',
    'set_capabilities',
    'execute',
  ]);
});

test('every plan can be encoded', () => {
  const spec: Partial<Spec> = {
    hostname: 'web',
    domainname: 'example',
    process: {
      ...process,
      terminal: true,
      user: { uid: 5, gid: 6, umask: 0o27, additionalGids: [7, 8] },
      noNewPrivileges: true,
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 0xffff_ffff_ffff_ffffn }],
      scheduler: { policy: 'SCHED_BATCH', nice: -3 },
      ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 3 },
      capabilities: { bounding: ['CAP_KILL'] },
    },
    hooks: { createContainer: [{ path: '/h', timeout: 2 }], startContainer: [{ path: '/s' }] },
    linux: { personality: { domain: 'LINUX32' }, rootfsPropagation: 'rshared' },
  };
  const slots = createSlots();
  const planned = planContainer(
    { ociVersion: '1.2.0', process, ...spec },
    facts({
      slots,
      stdio: { mode: 'terminal', rows: 24, columns: 80 },
      seccomp: { filter: new Uint8Array(8), flags: 0 },
      hooks: [{ path: '/s' }],
      passed: [70, 71],
      log: { file: 72 },
    }),
  );
  assert.ok(encodePlan(planned.plan, planned.descriptors.length).length > 0);
  assert.deepEqual(planned.descriptors, [72, 70, 71]);
});

test('with a user namespace the process first becomes its root, and devices are bound', () => {
  const ops = plan({}, { created: new Set([...usual, 'user']) });
  assert.deepEqual(ops[1], { op: 'become', uid: 0, gid: 0 });
  assert.equal(find(ops, 'make_node').length, 0);
  assert.deepEqual(
    find(ops, 'bind').map((op) => op.target),
    ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty'],
  );
});

test('devices of the spec replace default ones of the same path and keep their owner', () => {
  const ops = plan({ linux: { devices: [{ path: '/dev/null', type: 'c', major: 9, minor: 9, fileMode: 0o600, uid: 4, gid: 5 }] } });
  const nodes = find(ops, 'make_node');
  assert.equal(nodes.length, 6);
  assert.deepEqual(nodes[0], { op: 'make_node', target: '/dev/null', mode: k.S_IFCHR | 0o600, major: 9, minor: 9, uid: 4, gid: 5 });
});

test('a /dev from outside is left as it is', () => {
  const ops = plan(
    { mounts: [{ destination: '/dev', type: 'bind', source: '/dev' }] },
    { prepared: new Map([[0, { descriptor: 4, file: false }]]) },
  );
  assert.equal(find(ops, 'make_node').length + find(ops, 'make_symlink').length, 0);
});

test('a filter is loaded early without no_new_privs and last with it', () => {
  const seccomp = { filter: new Uint8Array(8), flags: 0 };
  const early = names(plan({}, { seccomp }));
  assert.ok(early.indexOf('load_seccomp') < early.indexOf('set_user'));
  const late = names(plan({ process: { ...process, noNewPrivileges: true } }, { seccomp }));
  assert.deepEqual(late.slice(-2), ['load_seccomp', 'execute']);
  assert.ok(late.indexOf('set_no_new_privileges') < late.indexOf('load_seccomp'));
});

test('waiting comes after everything that may fail but the program, and start hooks come after it', () => {
  const ops = names(plan({}, { waitForStart: { fifo: null }, hooks: [{ path: '/s' }] }));
  assert.deepEqual(ops.slice(-3), ['wait_for_start', 'run_hook', 'execute']);
});

test('a missing working directory is made, before the root becomes read-only', () => {
  const ops = names(plan({ process: { ...process, cwd: '/a/b' }, root: { path: 'r', readonly: true } }));
  assert.ok(ops.indexOf('make_working_directory') < ops.indexOf('set_mount_attributes'));
});

test('capabilities of a spec that does not speak of them are none, and ambient ones stay within the others', () => {
  assert.deepEqual(find(plan({}), 'drop_bounding'), [{ op: 'drop_bounding', keep: 0n }]);
  const capabilities = { permitted: ['CAP_CHOWN', 'CAP_KILL'], inheritable: ['CAP_CHOWN'], ambient: ['CAP_CHOWN', 'CAP_KILL'] };
  assert.equal(find(plan({ process: { ...process, capabilities } }), 'set_capabilities')[0]?.ambient, 1n);
});

test('a root propagation that lets mounts out is only set at the end', () => {
  for (const [rootfsPropagation, arrival, end] of [
    [undefined, k.MS_SLAVE, []],
    ['private', k.MS_PRIVATE, []],
    ['rshared', k.MS_SLAVE, [k.MS_REC | k.MS_SHARED]],
    ['unbindable', k.MS_SLAVE, [k.MS_UNBINDABLE]],
  ] as const) {
    const ops = plan({ linux: rootfsPropagation === undefined ? {} : { rootfsPropagation } });
    assert.deepEqual(
      find(ops, 'set_root_propagation').map((op) => op.flags),
      [k.MS_REC | arrival, ...end],
    );
    // pivot_root(2) takes no shared mount.
    if (end.length > 0) assert.ok(names(ops).lastIndexOf('set_root_propagation') > names(ops).indexOf('enter_root'));
  }
});

test('mounts that are shared inside only are cut off first', () => {
  const ops = plan({ linux: { rootfsPropagation: 'rprivate' } }, { sharedInside: true });
  assert.deepEqual(
    find(ops, 'set_root_propagation').map((op) => op.flags),
    [k.MS_REC | k.MS_PRIVATE, k.MS_REC | k.MS_SHARED],
  );
});

test('sysctl names are read as sysctl.d(5) reads them', () => {
  assert.equal(sysctlPath('net.ipv4.ip_forward'), 'net/ipv4/ip_forward');
  assert.equal(sysctlPath('net/ipv4/conf/eth0.7/forwarding'), 'net/ipv4/conf/eth0.7/forwarding');
  assert.equal(sysctlPath('net.ipv4.conf.eth0/7.forwarding'), 'net/ipv4/conf/eth0.7/forwarding');
});

test('without a mount namespace the root lies over its own directory, is entered by chroot, and the host is left as it is', () => {
  const ops = plan({}, { created: new Set(['pid']), root: { mount: 8, at: 9 } });
  assert.deepEqual(find(ops, 'attach_root'), [{ op: 'attach_root', mount: 0, at: 1 }]);
  assert.deepEqual(find(ops, 'enter_root'), [{ op: 'enter_root', mode: 1 }]);
  assert.deepEqual(find(ops, 'set_root_propagation'), []);
});

test('a joined mount namespace is a place for a root as a new one is', () => {
  const joined = plan({}, { created: new Set(['pid']), joined: new Set(['mnt']) });
  assert.deepEqual(names(joined), names(plan({}, { created: new Set(['mnt', 'pid']) })));
});

test('what is not supported or cannot be meant is refused with its JSON path', () => {
  const refused: [Partial<Spec>, RegExp, Partial<ContainerFacts>?][] = [
    [{ process: undefined as never }, /config\.json process is missing/],
    [{ process: { ...process, args: [] } }, /process\.args is empty/],
    [{ process: { ...process, cwd: 'relative' } }, /process\.cwd "relative" is not absolute/],
    [{ process: { ...process, terminal: true } }, /process\.terminal/],
    [{ process: { ...process, apparmorProfile: 'x' } }, /process\.apparmorProfile .*AppArmor/],
    [{ process: { ...process, selinuxLabel: 'x' } }, /process\.selinuxLabel .*SELinux/],
    [{ process: { ...process, rlimits: [{ type: 'RLIMIT_LUNCH', soft: 1, hard: 1 }] } }, /process\.rlimits\[0\]\.type/],
    [{ process: { ...process, rlimits: [{ type: 'RLIMIT_CPU', soft: 2, hard: 1 }] } }, /soft limit 2 is above the hard limit 1/],
    [{ process: { ...process, scheduler: { policy: 'SCHED_X' } } }, /process\.scheduler\.policy/],
    [{ process: { ...process, ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 9 } } }, /process\.ioPriority\.priority/],
    [{ process: { ...process, commandLine: 'x' } }, /process\.commandLine/],
    [{ hostname: 'x' }, /hostname cannot be set/, { created: new Set(['mnt']) }],
    [{}, /no new mount namespace/, { created: new Set(['pid']) }],
    [{ linux: { memoryPolicy: { mode: 'MPOL_BIND' } } }, /linux\.memoryPolicy\.nodes is needed/],
    [{ linux: { personality: { domain: 'LINUX', flags: ['X'] } } }, /linux\.personality\.flags/],
    [{ linux: { sysctl: { 'kernel.panic': '1' } } }, /linux\.sysctl\["kernel\.panic"\] is not of any namespace/],
    [{ linux: { sysctl: { 'net/../kernel/panic': '1' } } }, /linux\.sysctl/],
    [{ linux: { sysctl: { 'net.core.somaxconn': '1' } } }, /needs an own net namespace/, { created: new Set(['mnt']) }],
    [{ linux: { devices: [{ path: 'x', type: 'c', major: 1, minor: 1 }] } }, /linux\.devices\[0\]\.path/],
    [{ linux: { devices: [{ path: '/dev/x', type: 'b' }] } }, /linux\.devices\[0\] names no device/],
    [{ hooks: { createContainer: [{ path: 'x' }] } }, /hooks\.createContainer\[0\]\.path/],
    [{ hooks: { createContainer: [{ path: '/x', timeout: 0 }] } }, /hooks\.createContainer\[0\]\.timeout/],
  ];
  for (const [spec, message, changes] of refused) {
    assert.throws(
      () => plan(spec, changes),
      (error) => isOrlopError(error) && message.test(error.message),
      String(message),
    );
  }
});

test('without pivot_root the proc and sysfs mounts of the host are hidden, the last one first', () => {
  const ops = plan({}, { noPivot: true, revealing: ['/proc', '/sys'] });
  assert.deepEqual(
    ops.flatMap((op) => (op.op === 'hide_mount' ? [op.path] : op.op === 'enter_root' ? [`enter ${op.mode}`] : [])),
    ['/sys', '/proc', 'enter 1'],
  );
});
