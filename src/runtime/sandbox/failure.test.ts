import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError, OrlopError } from '#errors';
import { CLONE_NEWNET, CLONE_NEWNS, type Op } from '#sys';
import { explainFailure } from './failure.ts';

function explain(op: Op, failure: { errno: string; syscall?: string; path?: string; detail?: string }): OrlopError {
  const details = { op: op.op, opIndex: 0, syscall: 'x', path: '', detail: '', ...failure };
  const told = explainFailure(new OrlopError('internal', 'SYS_PLAN_FAILED', 'raw', { details }), [op]);
  assert.ok(isOrlopError(told));
  return told;
}

const execute = (name: string): Op => ({ op: 'execute', argv: [name], env: [], keep: 0 });

test("commands that cannot be run are told in Docker's words", () => {
  const cases: [string, string, string, string, string][] = [
    ['foo', 'ENOENT', 'not-found', 'RUNTIME_COMMAND_NOT_FOUND', 'exec: "foo": executable file not found in $PATH'],
    ['/foo', 'ENOENT', 'not-found', 'RUNTIME_COMMAND_NOT_FOUND', 'exec: "/foo": stat /foo: no such file or directory'],
    ['/foo', 'ENOTDIR', 'not-found', 'RUNTIME_COMMAND_NOT_FOUND', 'exec: "/foo": stat /foo: not a directory'],
    ['foo', 'EACCES', 'permission-denied', 'RUNTIME_COMMAND_NOT_EXECUTABLE', 'exec: "foo": permission denied'],
    ['/foo', 'ENOEXEC', 'permission-denied', 'RUNTIME_COMMAND_NOT_EXECUTABLE', 'exec: "/foo": exec format error'],
  ];
  for (const [name, errno, kind, code, message] of cases) {
    const told = explain(execute(name), { errno, syscall: 'execve', path: name });
    assert.deepEqual([told.kind, told.code, told.message], [kind, code, message]);
  }
});

test('failures name the object: mount, directory, setting', () => {
  const mask = new Uint8Array(8);
  const cases: [Op, string, RegExp][] = [
    [
      { op: 'mount', fstype: 'nfs', source: 'srv:/', options: [], attributes: 0, target: '/mnt', make: 1 },
      'ENODEV',
      /nfs \(srv:\/\) cannot be mounted on \/mnt/,
    ],
    [{ op: 'attach_mount', mount: 0, target: '/mnt', make: 1 }, 'ENOTDIR', /\/mnt: not a directory/],
    [{ op: 'mask', target: '/proc/kcore' }, 'EPERM', /\/proc\/kcore cannot be masked/],
    [{ op: 'join_namespaces', fd: 0, flags: CLONE_NEWNET | CLONE_NEWNS }, 'EINVAL', /into mnt, net namespace: invalid argument/],
    [{ op: 'change_directory', path: '/w' }, 'ENOENT', /working directory \/w cannot be entered: no such file/],
    [{ op: 'set_sysctl', path: 'net/x', value: '1' }, 'ENOENT', /sysctl net\.x cannot be set to "1"/],
    [{ op: 'set_user', uid: 9, gid: 8, groups: new Uint8Array() }, 'EINVAL', /user 9:8/],
    [{ op: 'run_hook', path: '/h', argv: [], env: [], state: new Uint8Array(), timeout_ms: 0 }, 'ECANCELED', /hook \/h failed/],
    [{ op: 'map_ids', uids: '0 1 2\n', gids: '0 1 2\n' }, 'EPERM', /id mappings are not accepted.*0 1 2/],
    [{ op: 'enter_cgroup', procs: '/c/cgroup.procs' }, 'EBUSY', /enter its cgroup: \/c\/cgroup\.procs/],
    [{ op: 'clone', flags: 0, cgroup: 0 }, 'ENOSPC', /namespaces cannot be made/],
    [{ op: 'set_memory_policy', mode: 2, nodes: mask }, 'EINVAL', /memory policy of linux\.memoryPolicy cannot be set/],
    [{ op: 'start_on', mask }, 'EINVAL', /processors of process\.execCPUAffinity\.initial cannot be set/],
    [{ op: 'set_affinity', mask }, 'EINVAL', /processors of process\.execCPUAffinity\.final cannot be set/],
    [{ op: 'set_io_priority', value: 0 }, 'EPERM', /I\/O priority of process\.ioPriority cannot be set/],
    [{ op: 'set_personality', persona: 8 }, 'EINVAL', /personality of linux\.personality cannot be set/],
  ];
  for (const [op, errno, message] of cases) assert.match(explain(op, { errno }).message, message);
});

test("the kernel's own words are passed on", () => {
  const op: Op = { op: 'mount', fstype: 'tmpfs', source: 't', options: ['sise=1'], attributes: 0, target: '/t', make: 1 };
  assert.match(explain(op, { errno: 'EINVAL', detail: "tmpfs: Unknown parameter 'sise'" }).message, /Unknown parameter 'sise'/);
});

test('other errors are left as they are', () => {
  const error = new Error('x');
  assert.equal(explainFailure(error, []), error);
});
