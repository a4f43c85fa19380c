import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { loadAddon } from '../load-addon.ts';
import { noSlot, type Op, type Plan } from '../plan/index.ts';
import { planFailureOf } from './failure.ts';
import { decodeFailure } from './frames.ts';
import { spawnCreatorSync } from './sync.ts';
import { bosunPath, ownNamespaces, reasonToSkip, runPlan, whenEnded } from './test-container.ts';

const addon = reasonToSkip() === false ? loadAddon() : undefined;

describe('the one-shot creator', { skip: reasonToSkip() }, () => {
  test('it leaves a created process that waits at a fifo, and the fifo’s reader learns that it started', async () => {
    using setting = openSetting();
    const { pid, state } = create(setting, ['sh', '-c', 'echo started >&2'], [{ op: 'wait_for_start', fifo: 0 }]);
    assert.equal(state, 'created');
    const ended = whenEnded(setting.addon, pid);
    assert.equal(setting.output(), '');
    assert.equal(readFileSync(setting.fifo).length, 0);
    await ended;
    assert.equal(setting.output(), 'started\n');
  });

  test('what goes wrong after the wait, the fifo’s reader learns', async () => {
    using setting = openSetting();
    const hook: Op = { op: 'run_hook', path: '/no/such', argv: ['x'], env: [], state: new Uint8Array(), timeout_ms: 0 };
    const { pid } = create(setting, ['true'], [{ op: 'wait_for_start', fifo: 0 }, hook]);
    const ended = whenEnded(setting.addon, pid);
    const failure = decodeFailure(readFileSync(setting.fifo));
    assert.deepEqual([failure.syscall, failure.path], ['hook', '/no/such']);
    await ended;
  });

  test('a program that the kernel will not execute then is its own affair', async () => {
    using setting = openSetting();
    writeFileSync(join(setting.root, 'text'), 'words\n', { mode: 0o755 });
    const { pid } = create(setting, ['/text'], [{ op: 'wait_for_start', fifo: 0 }]);
    const ended = whenEnded(setting.addon, pid);
    assert.equal(readFileSync(setting.fifo).length, 0);
    await ended;
    assert.equal(setting.output(), 'exec /text: exec format error\n');
  });

  test('without a wait the process runs at once', async () => {
    using setting = openSetting();
    const { pid, state } = create(setting, ['sh', '-c', 'echo $0 >&2', 'at once']);
    assert.equal(state, 'running');
    await whenEnded(setting.addon, pid);
    assert.equal(setting.output(), 'at once\n');
  });

  test('a failure is thrown, and a plan that would need a monitor is refused', () => {
    using setting = openSetting();
    assert.throws(
      () => create(setting, ['nowhere']),
      (error) => planFailureOf(error)?.errno === 'ENOENT',
    );
    assert.throws(() => create(setting, ['true'], [{ op: 'wait_for_start', fifo: noSlot }]), /plan is not valid/);
  });

  test('giving up after the sandbox leaves nothing', async () => {
    using setting = openSetting();
    const creator = spawnCreatorSync({ addon: setting.addon, bosun: bosunPath, timeoutMs: 10_000 });
    const { pid } = creator.sandbox([{ op: 'clone', flags: ownNamespaces, cgroup: noSlot }], []);
    const ended = [whenEnded(setting.addon, pid), whenEnded(setting.addon, creator.pid)];
    creator[Symbol.dispose]();
    await Promise.all(ended);
  });
});

interface Setting extends Disposable {
  readonly addon: NonNullable<typeof addon>;
  readonly directory: string;
  readonly root: string;
  readonly fifo: string;
  output(): string;
}

function openSetting(): Setting {
  assert.ok(addon !== undefined);
  const directory = mkdtempSync(join(tmpdir(), 'orlop-creator-'));
  const root = join(directory, 'root');
  const fifo = join(directory, 'start.fifo');
  mkdirSync(root);
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  writeFileSync(join(directory, 'stderr'), '');
  return {
    addon,
    directory,
    root,
    fifo,
    output: () => readFileSync(join(directory, 'stderr'), 'utf8'),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function create(setting: Setting, argv: readonly string[], after: readonly Op[] = []): { pid: number; state: string } {
  const slots = [openSync(setting.directory, 'r'), openSync(join(setting.directory, 'stderr'), 'a')];
  const stdio: Op = { op: 'stdio', mode: 3, open_stdin: 0, stdin_once: 0, uid: 0, gid: 0, stdin: noSlot, stdout: noSlot, stderr: 1 };
  const plan: Plan = runPlan(setting.root, { argv, stdio, after }).filter((op) => op.op !== 'keep_directory' && op.op !== 'keep_log');
  using creator = spawnCreatorSync({ addon: setting.addon, bosun: bosunPath, timeoutMs: 10_000 });
  try {
    creator.sandbox([{ op: 'clone', flags: ownNamespaces, cgroup: noSlot }], []);
    return creator.run(plan, slots);
  } finally {
    slots.forEach((fd) => closeSync(fd));
  }
}
