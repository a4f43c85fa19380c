import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { formatJson, parseSpec, parseSpecText, type Spec } from '#oci';
import { encodePlan } from '#sys';
import type { CgroupLayout } from '../cgroups/types.ts';
import { type ContainerFacts, planContainer } from '../plan/container.ts';
import { isBind } from '../plan/mounts.ts';
import { createdNamespaces, joinedNamespaces, planSandbox } from '../plan/sandbox.ts';
import { skeletonKey, skeletonOf } from '../plan/skeleton.ts';
import { createSlots } from '../plan/slots.ts';
import { compileSeccomp } from '../seccomp/index.ts';
import type { NamespaceName } from '../sandbox/types.ts';
import { checkSpec } from './checks.ts';
import { exampleSpec } from './commands/spec.ts';
import { cgroupPathOf, idMapOf } from './spec-sandbox.ts';

// Whatever config.json holds, the way from its text to plans ends with plans or with an error of ours: no other exception, no endless work.

const seed = 20261121;

describe('config.json of any content', () => {
  test('JSON of any shape is refused or taken for a spec', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => tolerate(() => parseSpec(value))),
      { seed, numRuns: 2000 },
    );
  });

  test('text of any kind is refused or taken for a spec', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: 'binary', maxLength: 200 }), fc.json());
    fc.assert(
      fc.property(bytes, (text) => tolerate(() => parseSpecText(text))),
      { seed, numRuns: 2000 },
    );
  });

  test('a good spec with damage in it becomes plans that can be encoded, or is refused', () => {
    let planned = 0;
    fc.assert(
      fc.property(fc.array(damage(), { minLength: 1, maxLength: 4 }), (changes) => {
        const spec = structuredClone(richSpec) as unknown as Json;
        for (const change of changes) apply(spec, change);
        tolerate(() => {
          followToTheEnd(parseSpecText(formatJson(spec)));
          planned += 1;
        });
      }),
      { seed, numRuns: 4000 },
    );
    // Else nothing but the parser was tried.
    assert.ok(planned > 500, String(planned));
  });
});

/** Anything but an error of ours is a bug, and so is one that calls itself that. */
function tolerate(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isOrlopError(error) || error.kind === 'internal') throw error;
    assert.ok(error.message.length > 0 && error.message.length < 20_000);
  }
}

/** All that is pure between config.json and the kernel. */
function followToTheEnd(spec: Spec): void {
  checkSpec(spec);
  cgroupPathOf(spec, 'id');
  const kernel: Readonly<Record<string, NamespaceName>> = { network: 'net', mount: 'mnt' };
  const namespaces = (spec.linux?.namespaces ?? []).map(({ type, path = '' }) => ({
    name: kernel[type] ?? (type as NamespaceName),
    ...(path === '' ? {} : { join: 3 }),
  }));
  const { timeOffsets = null, seccomp } = spec.linux ?? {};
  const sandbox = planSandbox({
    namespaces,
    idMap: idMapOf(spec),
    taskFiles: [],
    birthplace: null,
    oomScoreAdjust: null,
    timeOffsets,
    furnishing: null,
  });
  encodePlan(sandbox.plan, sandbox.descriptors.length);
  skeletonKey(skeletonOf(spec));
  const filter = seccomp === undefined ? null : compileSeccomp(seccomp, { arch: 'x64' });
  const facts = factsOf(spec, namespaces);
  const run = planContainer(spec, { ...facts, seccomp: filter === null ? null : { filter: filter.filter, flags: filter.flags } });
  encodePlan(run.plan, run.descriptors.length);
}

const layout: CgroupLayout = {
  mode: 'v1',
  unified: null,
  unifiedControllers: [],
  hierarchies: [{ mountPoint: '/sys/fs/cgroup/pids', version: 1, controllers: ['pids'] }],
};

function factsOf(spec: Spec, namespaces: Parameters<typeof createdNamespaces>[0]): ContainerFacts {
  const bound = (spec.mounts ?? []).flatMap((mount, index) =>
    isBind(mount) ? [[index, { descriptor: 100 + index, file: false }] as const] : [],
  );
  return {
    slots: createSlots(),
    prepared: new Map(bound),
    cgroups: layout,
    cgroupPath: 'x',
    ownCgroupNamespace: false,
    label: null,
    stdio: spec.process?.terminal === true ? { mode: 'terminal', rows: 24, columns: 80 } : { mode: 'null' },
    hostUid: 0,
    hostGid: 0,
    monitorDirectory: null,
    log: null,
    memoryEvents: null,
    clients: [],
    seccomp: null,
    security: { appArmor: true, seLinux: true },
    keyring: '',
    waitForStart: null,
    hooks: spec.hooks?.startContainer ?? [],
    hookState: new Uint8Array(),
    passed: [],
    root: { path: '/r' },
    created: createdNamespaces(namespaces),
    joined: joinedNamespaces(namespaces),
    skeleton: null,
    hostHasKcore: true,
    mayMakeNodes: true,
    noPivot: false,
    sharedInside: false,
    revealing: [],
  };
}

/** A spec that says something about nearly everything, so that damage finds it. */
const richSpec: Spec = {
  ...exampleSpec(),
  domainname: 'sea',
  process: {
    cwd: '/',
    args: ['sh', '-c', 'true'],
    env: ['PATH=/bin'],
    user: { uid: 1, gid: 2, umask: 18, additionalGids: [3] },
    capabilities: { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'], effective: ['CAP_KILL'], inheritable: [], ambient: [] },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
    noNewPrivileges: true,
    oomScoreAdj: 10,
    scheduler: { policy: 'SCHED_BATCH', nice: 3 },
    ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 4 },
  },
  hooks: { createContainer: [{ path: '/hook', args: ['hook'], timeout: 3 }], startContainer: [{ path: '/hook', env: ['A=b'] }] },
  mounts: [
    ...(exampleSpec().mounts ?? []),
    { destination: '/data', type: 'bind', source: '/srv', options: ['rbind', 'rro', 'rprivate', 'idmap'] },
    { destination: '/data', options: ['remount', 'bind', 'ro'] },
  ],
  linux: {
    ...exampleSpec().linux,
    namespaces: [...(exampleSpec().linux?.namespaces ?? []), { type: 'user' }, { type: 'cgroup' }, { type: 'time' }].filter(
      ({ type }, index, all) => all.findIndex((other) => other.type === type) === index,
    ) as NonNullable<Spec['linux']>['namespaces'] & object,
    uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
    gidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
    timeOffsets: { monotonic: { secs: 3, nanosecs: 4 } },
    sysctl: { 'net.ipv4.ip_forward': '1', 'kernel.msgmax': '7' },
    devices: [{ path: '/dev/x', type: 'c', major: 1, minor: 3, fileMode: 438, uid: 0, gid: 0 }],
    cgroupsPath: '/a/b',
    rootfsPropagation: 'rslave',
    personality: { domain: 'LINUX' },
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 1,
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [
        { names: ['write', 'socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 1, value: 2, valueTwo: 3, op: 'SCMP_CMP_MASKED_EQ' }] },
      ],
    },
  },
};

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;

interface Damage {
  /** Which way to go at each level; the last one is where the value is put. */
  readonly way: readonly number[];
  readonly text: string;
  readonly number: number;
  readonly other: unknown;
  readonly kept: number;
}

function damage(): fc.Arbitrary<Damage> {
  const texts = fc.constantFrom(
    '',
    '/',
    '..',
    '/..',
    '/proc',
    '/dev',
    '/x\0',
    'a\nb',
    '-1',
    'x'.repeat(5000),
    '__proto__',
    'SCMP_ACT_KILL',
    'remount',
    'bind',
    'idmap',
    'tmpcopyup',
    'SCHED_DEADLINE',
    '\ud800',
  );
  const numbers = fc.constantFrom(-1, 0, 1, 0.5, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 1e300, Number.NaN);
  const other = fc.oneof(texts, numbers, fc.boolean(), fc.constant(null), fc.constant([]), fc.constant({}), fc.jsonValue({ maxDepth: 2 }));
  const step = fc.noBias(fc.nat(65_535));
  return fc.record({
    way: fc.array(step, { minLength: 1, maxLength: 7 }),
    text: texts,
    number: numbers,
    other,
    kept: fc.noBias(fc.nat(7)),
  });
}

/** Mostly of the kind that was there: other kinds get no further than the parser. */
function replacement(before: Json | undefined, { text, number, other, kept }: Damage): unknown {
  if (kept === 0) return other;
  if (typeof before === 'string') return text;
  return typeof before === 'number' ? number : typeof before === 'boolean' ? !before : other;
}

function apply(spec: Json, change: Damage): void {
  const { way } = change;
  let at: Json = spec;
  for (const [depth, step] of way.entries()) {
    if (typeof at !== 'object' || at === null) return;
    const keys = Object.keys(at);
    const key = keys[step % Math.max(keys.length, 1)];
    if (key === undefined) return;
    const inner = (at as Record<string, Json>)[key] as Json;
    if (depth === way.length - 1 || typeof inner !== 'object' || inner === null) {
      (at as Record<string, unknown>)[key] = replacement(inner, change);
      return;
    }
    at = inner;
  }
}
