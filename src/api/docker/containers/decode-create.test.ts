import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createJsonReader } from '#api/http';
import { isOrlopError } from '#errors';
import type { CreateRequest } from '#wire';
import { decodeCreate } from './decode-create.ts';
import { parseSecurityOptions } from './security-options.ts';

const decode = (body: unknown, name = ''): CreateRequest => decodeCreate(createJsonReader(body, 'body'), name, '1.51');

/** What Docker's command line sends for `docker run debian:trixie`, with all its empty fields. */
const plain = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: 'debian:trixie',
  Volumes: {},
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
  HostConfig: {
    Binds: null,
    ContainerIDFile: '',
    LogConfig: { Type: '', Config: {} },
    NetworkMode: 'default',
    PortBindings: {},
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: false,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: null,
    CapDrop: null,
    CgroupnsMode: '',
    Dns: [],
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: null,
    GroupAdd: null,
    IpcMode: '',
    Cgroup: '',
    Links: null,
    OomScoreAdj: 0,
    PidMode: '',
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    UTSMode: '',
    UsernsMode: '',
    ShmSize: 0,
    Isolation: '',
    CpuShares: 0,
    Memory: 0,
    NanoCpus: 0,
    CgroupParent: '',
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpusetCpus: '',
    CpusetMems: '',
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: -1,
    OomKillDisable: false,
    PidsLimit: 0,
    Ulimits: [],
    CpuCount: 0,
    CpuPercent: 0,
    MaskedPaths: null,
    ReadonlyPaths: null,
  },
  NetworkingConfig: {
    EndpointsConfig: { default: { IPAMConfig: null, Links: null, Aliases: null, MacAddress: '', DriverOpts: null, NetworkID: '' } },
  },
};

describe('a create request', () => {
  test('with all of Docker’s empty fields asks for nothing in particular', () => {
    assert.deepEqual(decode(plain), {
      kind: 'app',
      image: 'debian:trixie',
      terminal: false,
      openStdin: false,
      stdinOnce: false,
      attachStdin: false,
      attachStdout: true,
      attachStderr: true,
      privileged: false,
      readOnlyRoot: false,
      network: 'bridge',
      autoRemove: false,
    });
  });

  test('carries every field that means something', () => {
    const request = decode(
      {
        image: 'x',
        cmd: ['a', 'b'],
        ENTRYPOINT: ['e'],
        Env: ['A=1', 'B'],
        WorkingDir: '/w',
        User: '1:2',
        Hostname: 'h',
        Domainname: 'd',
        Labels: { l: '1' },
        Tty: true,
        OpenStdin: true,
        StdinOnce: true,
        AttachStdin: true,
        StopSignal: 'SIGINT',
        StopTimeout: 0,
        HostConfig: {
          NetworkMode: 'host',
          AutoRemove: true,
          Init: false,
          Privileged: true,
          UsernsMode: 'host',
          ReadonlyRootfs: true,
          CapAdd: ['NET_ADMIN'],
          CapDrop: ['ALL'],
          SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'],
          GroupAdd: ['7'],
          Sysctls: { 'a.b': '1' },
          Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
          ShmSize: 1024,
          Tmpfs: { '/t': 'size=1m' },
          StorageOpt: { size: '10G' },
          OomScoreAdj: -5,
          ExtraHosts: ['a:1.2.3.4'],
          ConsoleSize: [24, 80],
          Memory: 2 ** 30,
          MemorySwap: -1,
          MemoryReservation: 2 ** 23,
          NanoCpus: 5e8,
          CpuShares: 10,
          CpusetCpus: '0',
          CpusetMems: '0',
          PidsLimit: -7,
        },
      },
      '/named',
    );
    assert.deepEqual(request, {
      kind: 'app',
      image: 'x',
      name: 'named',
      command: ['a', 'b'],
      entrypoint: ['e'],
      env: ['A=1', 'B'],
      workingDirectory: '/w',
      user: '1:2',
      hostname: 'h',
      domainname: 'd',
      labels: { l: '1' },
      terminal: true,
      openStdin: true,
      stdinOnce: true,
      attachStdin: true,
      attachStdout: false,
      attachStderr: false,
      stopSignal: 'SIGINT',
      stopTimeoutS: 0,
      network: 'host',
      autoRemove: true,
      init: false,
      privileged: true,
      userNamespace: 'host',
      readOnlyRoot: true,
      capAdd: ['NET_ADMIN'],
      capDrop: ['ALL'],
      noNewPrivileges: true,
      seccompProfile: 'unconfined',
      securityOptions: ['no-new-privileges', 'seccomp=unconfined'],
      groupAdd: ['7'],
      sysctls: { 'a.b': '1' },
      ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
      shmSizeBytes: 1024,
      tmpfs: { '/t': 'size=1m' },
      storageOptions: { size: '10G' },
      oomScoreAdjust: -5,
      extraHosts: ['a:1.2.3.4'],
      consoleSize: [24, 80],
      limits: {
        memoryBytes: 2 ** 30,
        memorySwapBytes: -1,
        memoryReservationBytes: 2 ** 23,
        nanoCpus: 5e8,
        cpuShares: 10,
        cpusetCpus: '0',
        cpusetMems: '0',
      },
    });
  });

  test('an entrypoint that is given but empty clears the image’s', () => {
    assert.deepEqual(decode({ Image: 'x', Entrypoint: [] }).entrypoint, []);
    assert.equal(decode({ Image: 'x', Cmd: [] }).command, undefined);
  });

  test('what Orlop cannot do is refused by the field’s name, never dropped', () => {
    const refused: [string, unknown][] = [
      ['Cgroup', 'container:x'],
      ['IOMaximumIOps', 1],
    ];
    for (const [field, value] of refused) {
      assert.throws(
        () => decode({ Image: 'x', HostConfig: { [field]: value } }),
        { kind: 'unimplemented', message: new RegExp(`HostConfig\\.${field}`) },
        field,
      );
    }
    const endpoint = (name: string, wish: unknown): unknown => ({ Image: 'x', NetworkingConfig: { EndpointsConfig: { [name]: wish } } });
    assert.throws(() => decode(endpoint('mine', { Links: ['a:b:c'] })), {
      kind: 'invalid-argument',
      message: 'bad format for links: a:b:c',
    });
  });

  test('limits that contradict each other are refused in Docker’s words', () => {
    const limits =
      (fields: Record<string, number>): (() => CreateRequest) =>
      () =>
        decode({ Image: 'x', HostConfig: fields });
    assert.throws(limits({ Memory: 1024 }), { message: 'Minimum memory limit allowed is 6MB' });
    assert.throws(limits({ MemoryReservation: 1024 }), { message: 'Minimum memory reservation allowed is 6MB' });
    assert.throws(limits({ Memory: 2 ** 30, MemorySwap: 2 ** 29 }), { message: /^Minimum memoryswap limit/ });
    assert.throws(limits({ MemorySwap: 2 ** 29 }), { message: /^You should always set the Memory limit/ });
    assert.throws(limits({ NanoCpus: 1e9, CpuQuota: 1000 }), { message: /^Conflicting options: Nano CPUs/ });
    assert.throws(limits({ BlkioWeight: 5 }), { message: 'Range of blkio weight is from 10 to 1000' });
    assert.throws(limits({ MemorySwappiness: 101 }), { message: 'Invalid value: 101, valid memory swappiness range is 0-100' });
    assert.throws(limits({ CpuRealtimePeriod: 1, CpuRealtimeRuntime: 2 }), { message: /cannot be higher/ });
    assert.throws(limits({ OomScoreAdj: 1001 }), { message: 'Invalid value 1001, range for oom score adj is [-1000, 1000]' });
  });

  test('security options', () => {
    assert.deepEqual(
      parseSecurityOptions([
        'no-new-privileges:true',
        'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
        'label=disable',
        'apparmor=unconfined',
      ]),
      {
        noNewPrivileges: true,
        seccompProfile: '{"defaultAction":"SCMP_ACT_ALLOW"}',
      },
    );
    assert.deepEqual(parseSecurityOptions(['no-new-privileges=false', 'seccomp=builtin']), {
      noNewPrivileges: false,
      seccompProfile: 'default',
    });
    assert.throws(() => parseSecurityOptions(['label=type:x']), { kind: 'unimplemented' });
    for (const bad of ['seccomp=', 'seccomp=x.json', 'no-new-privileges=maybe'])
      assert.throws(() => parseSecurityOptions([bad]), { kind: 'invalid-argument' }, bad);
  });

  test('any JSON is either a request or a named refusal', () => {
    const fields = fc.dictionary(fc.constantFrom(...Object.keys(plain), ...Object.keys(plain.HostConfig)), fc.jsonValue({ maxDepth: 2 }));
    fc.assert(
      fc.property(fields, fields, (config, host) => {
        try {
          assert.equal(decode({ ...config, HostConfig: host }).kind, 'app');
        } catch (error) {
          assert.ok(isOrlopError(error) && ['invalid-argument', 'unimplemented'].includes(error.kind), String(error));
        }
      }),
    );
  });
});

test('a restart policy is taken as Docker takes it, or refused in its words', () => {
  const decode = (RestartPolicy: object, rest: object = {}) =>
    decodeCreate(createJsonReader({ Image: 'x', HostConfig: { RestartPolicy, ...rest } }, 'body'), '', '1.51').restartPolicy;
  assert.equal(decode({ Name: '' }), undefined);
  assert.equal(decode({ Name: 'no' }), undefined);
  assert.deepEqual(decode({ Name: 'always' }), { name: 'always' });
  assert.deepEqual(decode({ Name: 'on-failure', MaximumRetryCount: 3 }), { name: 'on-failure', maximumRetries: 3 });
  const cases: [object, object, RegExp][] = [
    [
      { Name: 'often' },
      {},
      /^invalid restart policy: unknown policy 'often'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'$/,
    ],
    [{ Name: 'always', MaximumRetryCount: 1 }, {}, /can only be used with 'on-failure'/],
    [{ Name: 'on-failure', MaximumRetryCount: -1 }, {}, /cannot be negative/],
    [{ Name: 'always' }, { AutoRemove: true }, /can't create 'AutoRemove' container with restart policy/],
  ];
  for (const [policy, rest, message] of cases) assert.throws(() => decode(policy, rest), { kind: 'invalid-argument', message });
});

test('a health check is taken as Docker takes it, or refused in its words', () => {
  const check = (Healthcheck: object | null) => decode({ Image: 'x', Healthcheck }).healthCheck;
  assert.equal(check(null), undefined);
  assert.deepEqual(check({ Test: ['NONE'] }), { test: ['NONE'] });
  assert.deepEqual(check({ Test: ['CMD', 'x'], Interval: 2e9, Retries: 4, Timeout: 0 }), {
    test: ['CMD', 'x'],
    intervalNs: 2e9,
    retries: 4,
  });
  assert.throws(() => check({ Test: ['RUN', 'x'] }), { kind: 'invalid-argument', message: 'Unknown type "RUN" in Healthcheck' });
  assert.throws(() => check({ Test: ['CMD', 'x'], StartPeriod: 5 }), { message: 'StartPeriod in Healthcheck cannot be less than 1ms' });
  assert.throws(() => check({ Test: ['CMD', 'x'], Retries: -1 }), { message: 'Retries in Healthcheck cannot be negative' });
  assert.throws(() => decode({ Image: 'x', HostConfig: { OnUnhealthy: 'sing' } }), { message: 'invalid OnUnhealthy "sing"' });
});
