import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isErrno } from '#errors';
import type { Linux, Process, Spec } from '#oci';
import { isAlive, readProcessStat } from '#sys';
import { openCgroup } from '../cgroups/cgroup.ts';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { findLeaks } from '../testing/leaks.ts';
import { runtimeProgram } from '../testing/program.ts';
import { makeBusyboxRoot, reasonToSkip } from '../testing/root.ts';
import { exampleSpec } from './commands/spec.ts';

const [program, ...firstWords] = runtimeProgram;
const runc = spawnSync('runc', ['--version']).status === 0;

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('the runtime command line', { skip: reasonToSkip() }, () => {
  const skipped = reasonToSkip() !== false;
  const home = skipped ? (null as never) : makeBusyboxRoot();
  const mark = `orlop-cli-test-${process.pid}`;
  const root = skipped ? '' : join(home.directory, 'state');
  let count = 0;

  after(async () => {
    await openCgroup(detectCgroupLayout(), mark).remove();
    assert.deepEqual(existsSync(root) ? call(['list', '-q']).out : '', '');
    home.remove();
    assert.deepEqual([...findLeaks(mark), ...findLeaks(home.directory)], []);
  });

  function call(words: readonly string[], options: { input?: string; detached?: boolean } = {}): Result {
    // A container that outlives the call would hold a pipe open.
    const errors = join(home.directory, 'stderr');
    const detached = options.detached === true;
    const done = spawnSync(program, [...firstWords, '--root', root, ...words], {
      encoding: 'utf8',
      timeout: 60_000,
      ...(detached ? { stdio: ['ignore', 'ignore', openSync(errors, 'w')] } : { input: options.input ?? '' }),
      cwd: home.directory,
    });
    if (detached) return { code: done.status, out: '', err: readFileSync(errors, 'utf8') };
    return { code: done.status, out: done.stdout, err: done.stderr };
  }

  /** A bundle beside the root file system, so that `rootfs` leads to it. */
  function bundle(process: Partial<Process>, rest: Partial<Spec> = {}, linux: Linux = {}): { id: string; directory: string } {
    count += 1;
    const id = `${mark}-${count}`;
    const base = exampleSpec();
    const spec: Spec = {
      ...base,
      // The version that older runtimes, which we compare with, know.
      ociVersion: '1.0.2',
      root: { path: home.root, readonly: true },
      process: { cwd: '/', ...base.process, terminal: false, env: ['PATH=/bin'], args: ['true'], ...process },
      ...rest,
      linux: { ...base.linux, cgroupsPath: `/${mark}/${id}`, ...linux },
    };
    const directory = mkdtempSync(join(home.directory, 'bundle-'));
    writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
    return { id, directory };
  }

  const shell = (script: string): Partial<Process> => ({ args: ['sh', '-c', script] });
  const state = (id: string) =>
    JSON.parse(call(['state', id]).out) as { status: string; pid: number; bundle: string; rootfs: string; annotations: object };

  test('run passes streams and the exit code through and leaves nothing', () => {
    const { id, directory } = bundle(shell('cat; echo error >&2; exit 7'));
    const { code, out, err } = call(['run', '--bundle', directory, id], { input: 'input\n' });
    assert.deepEqual([code, out, err], [7, 'input\n', 'error\n']);
    assert.ok(!existsSync(join(root, id)));
    assert.deepEqual(findLeaks(id), []);
  });

  test('a process that a signal ends gives 128 and the signal', async () => {
    const { id, directory } = bundle({ ...shell('sleep 1000') });
    const child = spawn(program, [...firstWords, '--root', root, 'run', '-b', directory, id], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    await untilRunning(id);
    assert.equal(call(['kill', id, 'KILL']).code, 0);
    assert.deepEqual(await exited, [137, null]);
  });

  test('signals that we get go to the process', async () => {
    const { id, directory } = bundle(shell('trap "echo got; exit 3" USR1; echo ready; while :; do sleep 0.05; done'));
    const child = spawn(program, [...firstWords, '--root', root, 'run', '-b', directory, id], { stdio: ['ignore', 'pipe', 'inherit'] });
    let heard = '';
    child.stdout.on('data', (bytes: Buffer) => {
      if (heard === '') child.kill('SIGUSR1');
      heard += bytes.toString();
    });
    const [code] = (await once(child, 'exit')) as [number];
    assert.deepEqual([code, heard], [3, 'ready\ngot\n']);
  });

  test('create, state, start, exec, pause, resume, update, ps, events, kill and delete', async () => {
    const { id, directory } = bundle(shell('trap "exit 0" TERM; while :; do sleep 0.05; done'), { annotations: { key: 'value' } });
    const pidFile = join(directory, 'pid');
    assert.equal(call(['create', '--bundle', directory, '--pid-file', pidFile, id], { detached: true }).code, 0);
    const created = state(id);
    assert.deepEqual(
      [created.status, created.bundle, created.rootfs, created.annotations],
      ['created', directory, home.root, { key: 'value' }],
    );
    assert.equal(readFileSync(pidFile, 'utf8'), String(created.pid));
    assert.match(call(['create', '--bundle', directory, id], { detached: true }).err, /already exists/);
    assert.match(call(['resume', id]).err, /container not paused/);

    assert.equal(call(['start', id]).code, 0);
    assert.equal(state(id).status, 'running');
    assert.match(call(['start', id]).err, /cannot start an already running container/);

    const inside = call([
      'exec',
      '--env',
      'X=y',
      '--cwd',
      '/bin',
      '--user',
      '7:8',
      id,
      'sh',
      '-c',
      'echo $X $(pwd) $(id -u) $(id -g); exit 4',
    ]);
    assert.deepEqual([inside.code, inside.out, inside.err], [4, 'y /bin 7 8\n', '']);
    const missing = call(['exec', id, 'nope']);
    assert.deepEqual([missing.code, /nope.*: executable file not found in \$PATH/.test(missing.err)], [255, true]);

    assert.equal(call(['pause', id]).code, 0);
    assert.equal(state(id).status, 'paused');
    assert.match(call(['exec', id, 'true']).err, /cannot exec in a paused container/);
    assert.equal(call(['resume', id]).code, 0);

    assert.equal(call(['update', '--pids-limit', '23', id]).code, 0);
    const stats = JSON.parse(call(['events', '--stats', id]).out) as { type: string; data: { pids: { limit: number; current: number } } };
    assert.deepEqual([stats.type, stats.data.pids.limit], ['stats', 23]);
    const pids = JSON.parse(call(['ps', '--format', 'json', id]).out) as number[];
    assert.ok(pids.includes(created.pid));
    assert.ok((JSON.parse(call(['list', '-f', 'json']).out) as { id: string }[]).some((one) => one.id === id));

    assert.match(call(['delete', id]).err, /that is not stopped/);
    assert.equal(call(['kill', id, 'TERM']).code, 0);
    await untilGone(created.pid);
    assert.equal(state(id).status, 'stopped');
    assert.match(call(['kill', id]).err, /container not running/);
    assert.equal(call(['delete', id]).code, 0);
    assert.match(call(['state', id]).err, /does not exist/);
    assert.equal(call(['delete', '--force', id]).code, 0);
  });

  test('a created container that is deleted never runs', () => {
    const { id, directory } = bundle(shell('touch /tmp/it-ran'), { root: { path: home.root } });
    assert.equal(call(['create', '-b', directory, id], { detached: true }).code, 0);
    const { pid } = state(id);
    assert.equal(call(['delete', id]).code, 0);
    assert.ok(!isAlive(pid));
    assert.ok(!existsSync(join(home.root, 'tmp/it-ran')));
  });

  test('a program that cannot run fails the creation, and nothing stays', () => {
    const { id, directory } = bundle({ args: ['nope'] });
    for (const verb of ['create', 'run']) {
      const { code, err } = call([verb, '-b', directory, id], { detached: true });
      assert.deepEqual([code, /exec: .*nope.*: executable file not found in \$PATH/.test(err)], [1, true], err);
      assert.ok(!existsSync(join(root, id)));
    }
    assert.deepEqual(findLeaks(id), []);
  });

  test('limits are in force before the program runs', () => {
    const { id, directory } = bundle(
      shell('cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null'),
      {},
      { resources: { pids: { limit: 31 } } },
    );
    assert.equal(call(['run', '-b', directory, id]).out, '31\n');
  });

  test('an own user namespace maps the ids', () => {
    const range = [{ containerID: 0, hostID: 400_000, size: 1000 }];
    const namespaces = [...(exampleSpec().linux?.namespaces ?? []), { type: 'user' as const }];
    const { id, directory } = bundle(
      shell('cat /proc/self/uid_map; id -u'),
      {},
      { namespaces, uidMappings: range, gidMappings: range, resources: {} },
    );
    assert.match(call(['run', '-b', directory, id]).out, /^\s+0\s+400000\s+1000\n0\n$/);
  });

  test('hooks run in their places with the state on standard input', () => {
    const place = mkdtempSync(join(home.directory, 'hooks-'));
    chmodSync(place, 0o777);
    mkdirSync(join(home.root, 'hooked'), { recursive: true });
    const hook = (name: string) => {
      const script = join(place, `${name}.sh`);
      writeFileSync(script, `#!/bin/sh\necho ${name} $(sed 's/.*"status":"\\([a-z]*\\)".*/\\1/') >>${place}/order\n`, { mode: 0o755 });
      return [{ path: script }];
    };
    writeFileSync(join(home.root, 'tmp/inner.sh'), '#!/bin/sh\necho startContainer $$ >>/order-inside\n', { mode: 0o755 });
    const hooks = {
      prestart: hook('prestart'),
      createRuntime: hook('createRuntime'),
      createContainer: hook('createContainer'),
      startContainer: [{ path: '/tmp/inner.sh', env: ['PATH=/bin'] }],
      poststart: hook('poststart'),
      poststop: hook('poststop'),
    };
    const { id, directory } = bundle(shell('cat /order-inside | wc -l'), { root: { path: home.root }, hooks });
    const { code, out, err } = call(['run', '-b', directory, id]);
    assert.deepEqual([code, out], [0, '1\n'], err);
    const order = readFileSync(join(place, 'order'), 'utf8').trim().split('\n');
    assert.deepEqual(order, [
      'prestart creating',
      'createRuntime creating',
      'createContainer creating',
      'poststart running',
      'poststop stopped',
    ]);
  });

  test('a hook that fails or takes too long stops the creation with what it said', () => {
    const script = join(home.directory, 'bad-hook.sh');
    writeFileSync(script, '#!/bin/sh\necho no way >&2\nexit 3\n', { mode: 0o755 });
    const slow = join(home.directory, 'slow-hook.sh');
    writeFileSync(slow, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
    for (const [hooks, message] of [
      [{ createRuntime: [{ path: script }] }, /error running createRuntime hook #0: .*exit status 3, .*no way/],
      [{ createContainer: [{ path: script }] }, /error running createContainer hook #0: .*exit status 3.*no way/],
      [{ prestart: [{ path: slow, timeout: 1 }] }, /error running prestart hook #0: .*hook ran past specified timeout of 1\.0s/],
      [{ prestart: [{ path: '/no/such/hook' }] }, /fork\/exec \/no\/such\/hook: no such file or directory/],
    ] as const) {
      const { id, directory } = bundle({}, { hooks });
      const { code, err } = call(['create', '-b', directory, id], { detached: true });
      assert.deepEqual([code, message.test(err)], [1, true], err);
      assert.deepEqual([existsSync(join(root, id)), findLeaks(id)], [false, []]);
    }
  });

  test('descriptors are preserved and counted for socket activation', () => {
    const { id, directory } = bundle(shell('ls /proc/self/fd | wc -l; cat <&3; echo $LISTEN_FDS'));
    const file = join(directory, 'third');
    writeFileSync(file, 'third\n');
    const script = `exec 3<${file}; exec ${runtimeProgram.join(' ')} --root ${root} run --preserve-fds 1 -b ${directory} ${id}`;
    const done = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8', timeout: 30_000 });
    assert.match(done.stdout, /^\d+\nthird\n/);
  });

  test('errors go to the log in the form asked for', () => {
    const log = join(home.directory, 'log.json');
    assert.equal(call(['--log', log, '--log-format', 'json', 'state', 'nobody']).code, 1);
    const entry = JSON.parse(readFileSync(log, 'utf8')) as { level: string; msg: string };
    assert.deepEqual([entry.level, entry.msg], ['error', 'container does not exist']);
  });

  test('wrong words are refused by name', () => {
    const cases: [string[], RegExp][] = [
      [['create', '--bundle', '/nowhere', 'x'], /chdir \/nowhere: no such file or directory/],
      [['state'], /requires exactly 1 argument/],
      [['state', '../x'], /invalid container ID format/],
      [['kill', 'a', 'b', 'c'], /requires a maximum of 2 argument/],
      [['list', '--format', 'xml'], /invalid format option/],
    ];
    for (const [words, message] of cases) {
      const { code, err } = call(words);
      assert.deepEqual([code, message.test(err)], [1, true], err);
    }
  });

  test('what only a runtime without root could mean is refused by name', () => {
    for (const value of ['true', 'maybe']) {
      const { code, err } = call(['--rootless', value, 'list']);
      assert.deepEqual([code, err.includes(`--rootless=${value} is not supported`)], [1, true], err);
    }
    for (const value of ['auto', 'false']) assert.equal(call(['--rootless', value, 'list']).code, 0);
  });

  test('an unknown command has an exit code of its own', () => {
    const { code, err } = call(['dance']);
    assert.deepEqual([code, /No help topic for 'dance'/.test(err)], [3, true], err);
  });

  test('spec writes a bundle that runs, and will not overwrite one', () => {
    const directory = mkdtempSync(join(home.directory, 'spec-'));
    assert.equal(call(['spec', '--bundle', directory]).code, 0);
    assert.match(call(['spec', '--bundle', directory]).err, /File config.json exists. Remove it first/);
    assert.equal((JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')) as Spec).root?.path, 'rootfs');
    assert.equal((JSON.parse(call(['features']).out) as { ociVersionMax: string }).ociVersionMax, '1.3.0');
  });

  test('what a program sees is what runc shows it', { skip: runc ? false : 'runc is not installed' }, () => {
    const script = [
      'id',
      'hostname',
      'pwd',
      'env',
      'umask',
      'ulimit -n',
      'grep -E "^(Cap|NoNew|Seccomp:|Groups)" /proc/self/status',
      // How a path is masked differs: runc binds the container's own /dev/null, and leaves the tmpfs that holds v1's hierarchies writable.
      "cut -d' ' -f2-4 /proc/mounts | grep -v -E '^(/proc/(acpi|interrupts|keys|timer_list|asound|scsi)|/sys/firmware|/sys/devices/virtual/powercap|/sys/fs/cgroup) ' | sort",
      'ls -1 /dev | grep -v -E "^(pts|core|console)$"',
      'ls -l /dev | cut -c1-10 | sort | uniq -c',
      'cat /proc/self/cgroup',
      'ls /proc/self/fd | wc -l',
      'cat /proc/self/oom_score_adj',
      'touch /x 2>&1',
      'echo 1 2>&1 >/proc/sys/vm/swappiness',
      'cat /proc/1/comm',
      'exit 5',
    ].join('; ');
    const user = { uid: 33, gid: 44, additionalGids: [55], umask: 0o77 };
    const options: Partial<Spec> = {};
    const process: Partial<Process> = { ...shell(script), user, oomScoreAdj: 100 };
    const ours = bundle(process, options);
    const theirs = bundle(process, options);
    const mine = call(['run', '-b', ours.directory, ours.id]);
    const runcRoot = join(home.directory, 'runc');
    const done = spawnSync('runc', ['--root', runcRoot, 'run', '-b', theirs.directory, theirs.id], {
      encoding: 'utf8',
      input: '',
      timeout: 30_000,
    });
    rmSync(runcRoot, { recursive: true, force: true });
    assert.equal(mine.code, done.status);
    assert.deepEqual(mine.out.replaceAll(ours.id, 'ID').split('\n'), done.stdout.replaceAll(theirs.id, 'ID').split('\n'));
  });

  async function untilRunning(id: string): Promise<void> {
    await until(() => existsSync(join(root, id, 'state.json')));
  }

  function hasEnded(pid: number): boolean {
    try {
      return readProcessStat(pid).state === 'Z';
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH')) return true;
      throw error;
    }
  }

  async function untilGone(pid: number): Promise<void> {
    await until(() => hasEnded(pid));
  }

  /** A test that waits too long fails by the runner's own limit. */
  async function until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise((resolve) => setImmediate(resolve));
  }
});
