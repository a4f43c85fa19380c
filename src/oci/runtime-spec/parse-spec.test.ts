import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseSpec, parseSpecText } from './parse-spec.ts';
import { parseState } from './state.ts';

const full = {
  ociVersion: '1.2.0',
  process: {
    terminal: true,
    consoleSize: { height: 24, width: 80 },
    user: { uid: 1, gid: 1, umask: 63, additionalGids: [5, 6] },
    args: ['sh', '-c', 'x'],
    env: ['PATH=/bin'],
    cwd: '/',
    capabilities: { bounding: ['CAP_CHOWN'], effective: [], inheritable: [], permitted: ['CAP_CHOWN'], ambient: [] },
    rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 512 }],
    noNewPrivileges: true,
    apparmorProfile: 'x',
    oomScoreAdj: -100,
    scheduler: { policy: 'SCHED_OTHER', nice: 5 },
    selinuxLabel: 'y',
    ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 4 },
    execCPUAffinity: { initial: '0', final: '1-3' },
  },
  root: { path: 'rootfs', readonly: true },
  hostname: 'h',
  domainname: 'd',
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid'], uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }] },
  ],
  hooks: { createRuntime: [{ path: '/bin/h', args: ['h'], env: [], timeout: 5 }] },
  annotations: { a: 'b' },
  linux: {
    uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
    gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
    timeOffsets: { monotonic: { secs: -1, nanosecs: 5 } },
    sysctl: { 'net.ipv4.ip_forward': '1' },
    resources: {
      devices: [{ allow: false, access: 'rwm' }],
      memory: { limit: 1048576, swap: -1, swappiness: 60 },
      cpu: { shares: 1024, quota: -1, period: 100000, cpus: '0-1' },
      pids: { limit: 100 },
      blockIO: { weight: 10, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 600 }] },
      hugepageLimits: [{ pageSize: '2MB', limit: 9 }],
      network: { classID: 1, priorities: [{ name: 'eth0', priority: 1 }] },
      rdma: { mlx5_1: { hcaHandles: 3 } },
      unified: { 'memory.high': '5' },
    },
    cgroupsPath: '/a/b',
    namespaces: [{ type: 'pid' }, { type: 'network', path: '/var/run/netns/x' }],
    devices: [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 438, uid: 0, gid: 0 }],
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 1,
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: [{ index: 1, value: 3, valueTwo: 4, op: 'SCMP_CMP_MASKED_EQ' }] }],
    },
    rootfsPropagation: 'rslave',
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
    mountLabel: 'm',
    intelRdt: { closID: 'g', enableCMT: true },
    personality: { domain: 'LINUX32', flags: [] },
  },
} as const;

test('a spec that uses everything comes through whole', () => {
  assert.deepEqual(parseSpec(JSON.parse(JSON.stringify(full))), full);
});

test('unknown properties are ignored and nulls are absent', () => {
  assert.deepEqual(parseSpec({ ociVersion: '1.2.0', windows: {}, mounts: null, linux: { seccomp: null, extra: 1 } }), {
    ociVersion: '1.2.0',
    linux: {},
  });
});

test('a name in other letters stands for the field, unless that is there as well', () => {
  const resources = { CPU: { Cpus: '0' }, hugepageLimits: [{ pagesize: '2MB', limit: 1 }], Memory: { limit: 1 }, memory: { limit: 2 } };
  assert.deepEqual(parseSpec({ ociVersion: '1.2.0', linux: { resources } }).linux?.resources, {
    memory: { limit: 2 },
    cpu: { cpus: '0' },
    hugepageLimits: [{ pageSize: '2MB', limit: 1 }],
  });
});

test('limits and masks of 64 bits keep every bit', () => {
  const text =
    '{"ociVersion":"1.2.0","process":{"cwd":"/","rlimits":[{"type":"RLIMIT_CORE","hard":18446744073709551615,"soft":18446744073709551615}]},"linux":{"resources":{"memory":{"limit":9223372036854771712}}}}';
  const spec = parseSpecText(text);
  assert.equal(BigInt(spec.process?.rlimits?.[0]?.hard ?? 0), 0xffff_ffff_ffff_ffffn);
  assert.equal(spec.linux?.resources?.memory?.limit, 9223372036854771712);
});

const wrong: readonly (readonly [change: object, message: RegExp])[] = [
  [{ ociVersion: 1 }, /^config\.json\.ociVersion: expected a non-empty string, found 1$/],
  [{ process: { cwd: 5 } }, /^config\.json\.process\.cwd: expected a string without NUL, found 5$/],
  [{ process: { cwd: '/a\0b' } }, /process\.cwd/],
  [{ process: { cwd: '/', args: ['a', 'b\0'] } }, /process\.args\[1\]/],
  [{ process: { cwd: '/', user: { uid: -1, gid: 0 } } }, /process\.user\.uid: expected an integer from 0 to 4294967295, found -1/],
  [{ process: { cwd: '/', user: { uid: 1.5, gid: 0 } } }, /process\.user\.uid: expected an integer/],
  [{ process: { cwd: '/', rlimits: [{ type: 'RLIMIT_CORE', hard: 'x', soft: 0 }] } }, /rlimits\[0\]\.hard/],
  [{ mounts: [{ type: 'proc' }] }, /config\.json\.mounts\[0\]\.destination: expected a value, found nothing/],
  [{ mounts: {} }, /mounts: expected an array, found an object/],
  [{ linux: { namespaces: [{ type: 'disk' }] } }, /linux\.namespaces\[0\]\.type: expected one of pid, network, .* found "disk"/],
  [{ linux: { resources: { pids: { limit: 'many' } } } }, /linux\.resources\.pids\.limit: expected an integer, found "many"/],
  [{ linux: { seccomp: { defaultAction: 'NO' } } }, /linux\.seccomp\.defaultAction/],
  [{ linux: { sysctl: { 'a.b': 1 } } }, /linux\.sysctl\["a\.b"\]: expected a string/],
  [{ annotations: [] }, /annotations: expected an object, found an array of 0/],
];

for (const [change, message] of wrong) {
  test(`a spec with ${JSON.stringify(change).slice(0, 70)} is refused by path`, () => {
    assert.throws(
      () => parseSpec({ ociVersion: '1.2.0', ...change }),
      (error) => isOrlopError(error, 'invalid-argument') && message.test(error.message),
    );
  });
}

test('any JSON is either a spec or refused as bad JSON', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 4 }),
      fc.constantFrom('process', 'mounts', 'linux', 'hooks', 'annotations', 'root'),
      (value, key) => {
        try {
          parseSpec({ ociVersion: '1.2.0', [key]: value });
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument') && error.code === 'OCI_BAD_JSON', String(error));
        }
      },
    ),
  );
});

test('a state is checked likewise', () => {
  const state = { ociVersion: '1.2.0', id: 'a', status: 'running', pid: 7, bundle: '/b', annotations: {} };
  assert.deepEqual(parseState(state), state);
  assert.throws(() => parseState({ ...state, status: 'dead' }), /state\.status/);
});
