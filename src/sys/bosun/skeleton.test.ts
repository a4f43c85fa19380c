import assert from 'node:assert/strict';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { AT_FDCWD, CLONE_NEWUSER, MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_REC, OPEN_TREE_CLONE } from '../constants.ts';
import { noSlot, type Op, type Plan } from '../plan/index.ts';
import { planFailureOf } from './failure.ts';
import { openPrivateTree, openTestContainer, ownNamespaces, pipes, reasonToSkip, whenEnded, type TestContainer } from './test-container.ts';

const clone: Op = { op: 'clone', flags: ownNamespaces, cgroup: noSlot };
const ids = '0 400000 65536\n';
const ownUsers: Plan = [
  { op: 'clone', flags: ownNamespaces | CLONE_NEWUSER, cgroup: noSlot },
  { op: 'map_ids', uids: ids, gids: ids },
  { op: 'become', uid: 0, gid: 0 },
];
const cut: Plan = [{ op: 'set_root_propagation', flags: MS_REC | MS_PRIVATE }, { op: 'open_skeleton' }];
const mount = (fstype: string, target: string, options: string[] = []): Op => ({
  op: 'mount',
  fstype,
  source: fstype,
  options,
  attributes: 0,
  target,
  make: 1,
});
const leave: Plan = [
  { op: 'set_mount_attributes', target: '/', set: MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, recursive: 0, userns: noSlot },
  { op: 'enter_root', mode: 0 },
];
const move = (tree: string): Op => ({ op: 'move_tree', from: tree, target: tree, make: 1 });

/** What a sandbox with these ops failed with. */
async function failureOf(container: TestContainer, plan: Plan, run: Plan | null = null) {
  const { monitor } = container;
  const gone = whenEnded(container.addon, monitor.pid);
  const attempt = async (): Promise<void> => {
    await monitor.sandbox(plan, []);
    if (run !== null) await monitor.run(run, []);
  };
  const error: unknown = await attempt().catch((thrown: unknown) => thrown);
  await gone;
  const facts = planFailureOf(error);
  return facts === null ? error : [facts.op, facts.opIndex, facts.errno];
}

describe('a sandbox that furnishes a skeleton', { skip: reasonToSkip() }, () => {
  /** A script in a root of the host that is mounted over the skeleton; returns what it printed. */
  async function run({ addon, root, directory, monitor }: TestContainer, trees: readonly string[], script: string): Promise<string> {
    for (const name of ['bin', 'proc', 'dev', 'mnt']) mkdirSync(join(root, name));
    copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
    const mounted = openPrivateTree(addon, root);
    const output = openSync(join(directory, 'output'), 'w');
    try {
      await monitor.run(
        [
          { ...pipes(), mode: 3, stdout: 1, stderr: 1 } as Op,
          { op: 'attach_root', mount: 0, at: noSlot },
          ...trees.map(move),
          { op: 'enter_root', mode: 1 },
          { op: 'execute', argv: ['/bin/busybox', 'sh', '-c', script], env: [], keep: 0 },
        ],
        [mounted, output],
      );
    } finally {
      addon.close(mounted);
      closeSync(output);
    }
    assert.equal((await monitor.exited).exitCode, 0);
    return readFileSync(join(directory, 'output'), 'utf8');
  }

  for (const [where, begin] of [
    ["in the host's user namespace", [clone]],
    ['in an own user namespace', ownUsers],
  ] as const) {
    test(`has it ready before its root is known: trees move with all that is mounted in them, ${where}`, async () => {
      await using container = openTestContainer();
      await container.monitor.sandbox(
        [...begin, ...cut, mount('proc', '/proc'), mount('tmpfs', '/dev'), mount('tmpfs', '/dev/deep', ['size=64k']), ...leave],
        [],
      );
      const script =
        'while read -r id parent device root place rest; do echo $place; done < /proc/self/mountinfo; echo >/dev/deep/file && echo $$';
      const seen = await run(container, ['/proc', '/dev'], script);
      assert.deepEqual(seen.split('\n').filter(Boolean).toSorted(), ['/', '/dev', '/dev/deep', '/proc', '1']);
    });
  }

  test('can mount what came with its message', async () => {
    await using container = openTestContainer();
    const { addon, directory, monitor } = container;
    mkdirSync(join(directory, 'given'));
    writeFileSync(join(directory, 'given/file'), 'from outside\n');
    const others = [openSync('/dev/null', 'r'), openSync('/dev/zero', 'r')];
    const given = addon.openTree(AT_FDCWD, join(directory, 'given'), OPEN_TREE_CLONE);
    await monitor.sandbox([clone, ...cut, { op: 'attach_mount', mount: 2, target: '/mnt', make: 1 }, ...leave], [...others, given]);
    for (const descriptor of [...others, given]) addon.close(descriptor);
    assert.equal(await run(container, ['/mnt'], 'busybox() { /bin/busybox "$@"; }; busybox cat /mnt/file'), 'from outside\n');
  });

  test('never mounts in the host’s mount namespace', async () => {
    await using container = openTestContainer();
    assert.deepEqual(await failureOf(container, [{ op: 'clone', flags: 0, cgroup: noSlot }, { op: 'open_skeleton' }]), [
      'open_skeleton',
      1,
      'EPERM',
    ]);
  });

  test('takes only what furnishes, after all that the monitor does', async () => {
    const plans: readonly [Plan, number][] = [
      [[{ op: 'open_skeleton' }, clone], 0],
      [[clone, ...cut, { op: 'map_ids', uids: ids, gids: ids }], 3],
      [[clone, { op: 'execute', argv: ['/bin/true'], env: [], keep: 0 }], 1],
      [[clone, { op: 'set_user', uid: 0, gid: 0, groups: new Uint8Array() }], 1],
      [[clone, { op: 'load_seccomp', filter: new Uint8Array(8), flags: 0, listener: noSlot, state: new Uint8Array() }], 1],
      [[clone, { op: 'run_hook', path: '/bin/true', argv: [], env: [], state: new Uint8Array(), timeout_ms: 0 }], 1],
    ];
    for (const [plan, index] of plans) {
      await using container = openTestContainer();
      assert.deepEqual(await failureOf(container, plan), [plan[index]?.op, index, 'EINVAL']);
    }
  });

  test('refuses to move what is no mount, and to move a tree onto a link', async () => {
    const attempts: readonly [tree: string, errno: string][] = [
      ['/empty', 'EINVAL'],
      ['/missing', 'ENOENT'],
    ];
    for (const [tree, errno] of attempts) {
      await using container = openTestContainer();
      const plan: Plan = [clone, ...cut, { op: 'make_directory', target: '/empty', mode: 0o755, uid: 0, gid: 0 }, ...leave];
      const moving: Plan = [
        { op: 'move_tree', from: tree, target: '/mnt', make: 0 },
        { op: 'execute', argv: ['x'], env: [], keep: 0 },
      ];
      const before: Plan = [{ op: 'open_skeleton' }, { op: 'make_directory', target: '/mnt', mode: 0o755, uid: 0, gid: 0 }];
      assert.deepEqual(await failureOf(container, plan, [...before, ...moving]), ['move_tree', 2, errno]);
    }
    await using container = openTestContainer();
    const linked: Plan = [
      { op: 'open_skeleton' },
      { op: 'make_symlink', target: '/mnt', to: 'elsewhere' },
      { op: 'move_tree', from: '/mnt', target: '/mnt', make: 1 },
      { op: 'execute', argv: ['x'], env: [], keep: 0 },
    ];
    assert.deepEqual(await failureOf(container, [clone, ...cut, mount('tmpfs', '/mnt'), ...leave], linked), ['move_tree', 2, 'ELOOP']);
  });

  test('does not outlive an engine that goes away while it is built', async () => {
    await using container = openTestContainer();
    const { addon, monitor } = container;
    const gone = whenEnded(addon, monitor.pid);
    const many = Array.from({ length: 200 }, (_, index) => mount('tmpfs', `/dev/${index}`));
    const answer = monitor.sandbox([clone, ...cut, mount('tmpfs', '/dev'), ...many], []);
    monitor.close();
    await assert.rejects(answer, (error) => isOrlopError(error, 'cancelled'));
    await gone;
  });
});
