import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Spec } from '#oci';
import { allCapabilities, availableCapabilities, defaultCapabilities, maskedPaths, readonlyPaths } from '#runtime';
import type { ContainerRecord } from '../container/record.ts';
import { recordWith, requestWith, v1Layout, v2Layout } from '../fixtures/records.ts';
import type { CreateRequest } from '../model.ts';
import { boundingSet, buildSpec, type SpecFacts } from './build-spec.ts';

const root = { uid: 0, gid: 0, groups: [], home: '/root' };
const www = { uid: 33, gid: 33, groups: [4, 27], home: '/var/www' };

function build(change: Partial<ContainerRecord> = {}, facts: Partial<SpecFacts> = {}): Spec {
  return buildSpec(recordWith(change), { user: root, ownUsers: true, layout: v1Layout, init: null, ...facts });
}

function asked(request: Partial<CreateRequest>, facts: Partial<SpecFacts> = {}): Spec {
  return build({ request: requestWith(request) }, facts);
}

function processOf(spec: Spec): NonNullable<Spec['process']> {
  assert.ok(spec.process !== undefined);
  return spec.process;
}

describe('the process', () => {
  const process = { ...recordWith().process, entrypoint: ['/entry', '-v'], command: ['serve'], workingDirectory: '/srv' };

  test('is entrypoint and command, where and as whom they run', () => {
    const { args, cwd, user } = processOf(build({ process }, { user: www }));
    assert.deepEqual(args, ['/entry', '-v', 'serve']);
    assert.equal(cwd, '/srv');
    assert.deepEqual(user, { uid: 33, gid: 33, additionalGids: [4, 27] });
  });

  test('runs below our init on request, which is bound read-only', () => {
    const spec = build({ process }, { init: '/usr/lib/orlop/bosun' });
    assert.deepEqual(processOf(spec).args, ['/sbin/docker-init', 'init', '--', '/entry', '-v', 'serve']);
    const mount = spec.mounts?.find(({ destination }) => destination === '/sbin/docker-init');
    assert.deepEqual([mount?.source, mount?.options], ['/usr/lib/orlop/bosun', ['bind', 'ro']]);
  });

  test('has a terminal on request', () => {
    assert.equal(processOf(build()).terminal, false);
    assert.equal(processOf(asked({ terminal: true })).terminal, true);
  });

  test('has the resource limits that were asked for; -1 is none', () => {
    const ulimits = [
      { name: 'nofile', soft: 64, hard: 128 },
      { name: 'core', soft: 0, hard: -1 },
    ];
    assert.deepEqual(processOf(asked({ ulimits })).rlimits, [
      { type: 'RLIMIT_NOFILE', soft: 64, hard: 128 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 2n ** 64n - 1n },
    ]);
  });

  test('is as likely to be killed for want of memory as ours, unless asked otherwise', () => {
    assert.ok(!('oomScoreAdj' in processOf(build())));
    assert.equal(processOf(asked({ oomScoreAdjust: 500 })).oomScoreAdj, 500);
  });

  test('may gain privileges by setuid programs unless forbidden, as with Docker', () => {
    assert.equal(processOf(build()).noNewPrivileges, false);
    assert.equal(processOf(asked({ noNewPrivileges: true })).noNewPrivileges, true);
  });
});

describe('the environment', () => {
  const env = (change: Partial<ContainerRecord>, facts: Partial<SpecFacts> = {}): readonly string[] =>
    processOf(build(change, facts)).env ?? [];

  test('gets the host name and the home of the user', () => {
    assert.deepEqual(env({}, { user: www }), ['PATH=/bin', 'HOSTNAME=web.example', 'HOME=/var/www']);
  });

  test('names the terminal when there is one', () => {
    assert.ok(env({ request: requestWith({ terminal: true }) }).includes('TERM=xterm'));
    assert.ok(!env({}).some((entry) => entry.startsWith('TERM=')));
  });

  test("tells a machine's init that it runs in a container", () => assert.ok(env({ kind: 'system' }).includes('container=orlop')));

  test('has a home whatever is asked for, and no variable that is named without a value', () => {
    const process = { ...recordWith().process, env: ['PATH=/bin', 'HOME=', 'HOSTNAME'] };
    assert.deepEqual(env({ process }, { user: www }), ['PATH=/bin', 'HOME=/var/www']);
  });

  test('is left alone where image or request have spoken', () => {
    const said = ['PATH=/bin', 'HOME=/nowhere', 'TERM=dumb', 'HOSTNAME=', 'container=mine'];
    const process = { ...recordWith().process, env: said };
    assert.deepEqual(env({ kind: 'system', process }), said);
  });
});

describe('capabilities', () => {
  test('of root are all it may have', () => {
    const { capabilities } = processOf(build());
    for (const set of ['bounding', 'effective', 'permitted'] as const) assert.deepEqual(capabilities?.[set], [...defaultCapabilities]);
    for (const set of ['inheritable', 'ambient'] as const) assert.deepEqual(capabilities?.[set], []);
  });

  test('of another user are none, with the same bound', () => {
    const { capabilities } = processOf(build({}, { user: www }));
    assert.deepEqual(capabilities?.bounding, [...defaultCapabilities]);
    for (const set of ['effective', 'permitted', 'inheritable', 'ambient'] as const) assert.deepEqual(capabilities?.[set], []);
  });

  const bounds: readonly [what: string, record: ContainerRecord, names: readonly string[]][] = [
    ['an app', recordWith(), defaultCapabilities],
    ['a privileged app', recordWith({ request: requestWith({ privileged: true }) }), availableCapabilities()],
    ['a privileged app with own users', recordWith({ request: requestWith({ privileged: true, userNamespace: 'auto' }) }), allCapabilities],
    ['a machine', recordWith({ kind: 'system' }), allCapabilities],
    [
      'a machine that lost some',
      recordWith({ kind: 'system', request: requestWith({ capDrop: ['ALL'], capAdd: ['KILL'] }) }),
      ['CAP_KILL'],
    ],
    ['an app that lost all', recordWith({ request: requestWith({ capDrop: ['ALL'] }) }), []],
  ];
  for (const [what, record, names] of bounds)
    test(`bound of ${what}`, () => assert.deepEqual(boundingSet(record, v1Layout, true), [...names]));
});

describe('kernel settings', () => {
  const sysctls = (change: Partial<ContainerRecord>, facts: Partial<SpecFacts> = {}) => build(change, facts).linux?.sysctl;

  test('let anyone ping and listen on low ports, within the ids that exist inside', () => {
    assert.deepEqual(sysctls({}), { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 65535' });
    assert.equal(sysctls({}, { ownUsers: false })?.['net.ipv4.ping_group_range'], '0 2147483647');
  });

  test("of the host's own network stay as they are", () => assert.deepEqual(sysctls({ network: 'host' }), {}));

  test('that were asked for win', () => {
    const request = requestWith({ sysctls: { 'net.ipv4.ip_unprivileged_port_start': '1024', 'kernel.msgmax': '65536' } });
    const set = sysctls({ request });
    assert.deepEqual([set?.['net.ipv4.ip_unprivileged_port_start'], set?.['kernel.msgmax']], ['1024', '65536']);
  });
});

describe('what is hidden of the host', () => {
  test('is hidden from an app', () => {
    const { linux } = build();
    assert.deepEqual([linux?.maskedPaths, linux?.readonlyPaths], [[...maskedPaths], [...readonlyPaths]]);
  });

  test('is open to a privileged one, and to a machine, whose init writes there', () => {
    for (const spec of [asked({ privileged: true }), build({ kind: 'system' })]) {
      assert.equal(spec.linux?.maskedPaths, undefined);
      assert.equal(spec.linux?.readonlyPaths, undefined);
    }
  });
});

test('the host name and the domain are those of the record', () => {
  assert.equal(build().hostname, 'web.example');
  assert.ok(!('domainname' in build()));
  assert.ok(!('domainname' in asked({ domainname: '' })));
  assert.equal(asked({ domainname: 'example.org' }).domainname, 'example.org');
});

test('the root is read-only on request only', () => {
  assert.equal(build().root?.readonly, false);
  assert.equal(asked({ readOnlyRoot: true }).root?.readonly, true);
});

test("a root that is the host's makes no device nodes where no cgroup could keep it from opening them", () => {
  const shared = recordWith({ network: 'host' });
  assert.ok(boundingSet(shared, v1Layout, false).includes('CAP_MKNOD'));
  assert.ok(!boundingSet(shared, v2Layout, false).includes('CAP_MKNOD'));
  assert.ok(boundingSet(shared, { ...v2Layout, devicePrograms: true }, false).includes('CAP_MKNOD'));
  assert.ok(boundingSet(recordWith(), v2Layout, true).includes('CAP_MKNOD'));
});
