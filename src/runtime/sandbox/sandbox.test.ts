import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type OrlopError, isOrlopError } from '#errors';
import type { Process, SpecMount } from '#oci';
import { AT_FDCWD, isAlive, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '#sys';
import { createCgroup } from '../cgroups/cgroup.ts';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { maskedPaths, readonlyPaths } from '../defaults.ts';
import { skeletonOf } from '../plan/skeleton.ts';
import type { CgroupLayout } from '../cgroups/types.ts';
import { openTestContainers, readLog, shell, specOf, testIdMap, usualMounts } from '../testing/containers.ts';
import { bosunPath, makeBusyboxRoot, reasonToSkip } from '../testing/root.ts';
import { openExecSandbox, startExec } from './exec.ts';
import { availableCapabilities } from './host-facts.ts';
import { startContainer } from './start.ts';

const noIp = spawnSync('ip', ['-V']).status === 0 ? false : 'needs ip';

describe('containers', { skip: reasonToSkip() }, () => {
  const mark = `orlop-sandbox-test-${process.pid}`;
  const skipped = reasonToSkip() !== false;
  const containers = skipped ? (null as never) : openTestContainers(mark);
  const { addon, home, park, run } = skipped ? (null as never) : containers;

  after(async () => assert.deepEqual(await containers.close(), []));

  async function failure(promise: Promise<unknown>): Promise<OrlopError> {
    const error: unknown = await promise.then(
      () => assert.fail('it did not fail'),
      (thrown: unknown) => thrown,
    );
    assert.ok(isOrlopError(error), String(error));
    return error;
  }

  const ways = [false, true].flatMap((users) => [false, true].map((furnished) => ({ users, furnished })));
  for (const { users, furnished } of ways) {
    const sandbox = { users, furnished };
    const where = `${users ? 'in an own user namespace' : "in the host's user namespace"}${furnished ? ', with a skeleton' : ''}`;

    test(`a program runs as process 1 with its own names and its exit code, ${where}`, async () => {
      const { code, output } = await run(specOf(shell('echo $$ $(hostname) $(id -u):$(id -g); exit 7'), { hostname: 'web' }), { sandbox });
      assert.deepEqual([code, output], [7, '1 web 0:0\n']);
    });

    test(`a network device is the container's from its start, ${where}`, { skip: noIp }, async () => {
      const name = `orls${process.pid % 100_000}${users ? 'u' : 'h'}${furnished ? 'f' : 'b'}`;
      execFileSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`]);
      try {
        const netDevices = { [name]: { name: 'inner' } };
        const { output } = await run(
          specOf(shell('cat /sys/class/net/inner/flags /proc/net/dev | grep -c "inner:\\|0x1.*3$"'), {}, { netDevices }),
          { sandbox },
        );
        assert.equal(output, '2\n');
      } finally {
        spawnSync('ip', ['link', 'del', `${name}p`]);
      }
    });

    test(`devices work and their links lead where they should, ${where}`, async () => {
      const { output } = await run(
        specOf(shell('echo x >/dev/null; ls -l /dev | grep -c "^c"; ls /dev/fd/0 /dev/stdout /dev/ptmx; test -c /dev/zero && echo zero')),
        { sandbox },
      );
      assert.equal(output, '6\n/dev/fd/0\n/dev/ptmx\n/dev/stdout\nzero\n');
    });

    test(`what is masked is empty and what is read-only stays so, ${where}`, async () => {
      const script =
        'wc -c </proc/keys; ls /sys/firmware | wc -l; echo 1 2>/dev/null >/proc/sys/kernel/sysrq || echo refused; touch /new 2>/dev/null || echo sealed';
      const spec = specOf(shell(script), { root: { path: 'r', readonly: true } }, { maskedPaths, readonlyPaths });
      assert.equal((await run(spec, { sandbox })).output, '0\n0\nrefused\nsealed\n');
    });

    test(`sysctls are set before their files become read-only, ${where}`, async () => {
      const spec = specOf(
        shell('cat /proc/sys/net/ipv4/ip_unprivileged_port_start'),
        {},
        { readonlyPaths, sysctl: { 'net.ipv4.ip_unprivileged_port_start': '99' } },
      );
      assert.equal((await run(spec, { sandbox })).output, '99\n');
    });

    test(`a user with groups, umask and few capabilities, ${where}`, async () => {
      const capabilities = {
        bounding: ['CAP_KILL', 'CAP_CHOWN'],
        permitted: ['CAP_KILL'],
        effective: ['CAP_KILL'],
        inheritable: ['CAP_KILL'],
        ambient: ['CAP_KILL'],
      };
      const user = { uid: 1000, gid: 1001, additionalGids: [5, 6], umask: 0o27 };
      const script = 'id -u; id -g; id -G; umask; grep -E "CapBnd|CapEff|NoNewPrivs" /proc/self/status; ulimit -n';
      const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 64, hard: 128 }];
      const { output } = await run(specOf({ ...shell(script), user, capabilities, noNewPrivileges: true, rlimits }), { sandbox });
      assert.equal(output, '1000\n1001\n1001 5 6\n0027\nCapEff:\t0000000000000020\nCapBnd:\t0000000000000021\nNoNewPrivs:\t1\n64\n');
    });

    test(`a filter is in force, ${where}`, async () => {
      for (const noNewPrivileges of [true, false]) {
        const seccomp = {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
        } as const;
        const { output } = await run(
          specOf({ ...shell('mkdir /tmp/x 2>&1; grep ^Seccomp: /proc/self/status'), noNewPrivileges }, {}, { seccomp }),
          { sandbox },
        );
        assert.match(output, /not supported/);
        assert.match(output, /Seccomp:\t2/);
      }
    });

    test(`bind mounts show the source with their options, files as files, ${where}`, async () => {
      const source = join(home.directory, `source-${users}-${furnished}`);
      mkdirSync(source);
      writeFileSync(join(source, 'file'), 'content\n');
      const bound: SpecMount[] = [
        { destination: '/a/b', type: 'bind', source, options: ['rbind', 'ro'] },
        { destination: '/etc/one', type: 'bind', source: join(source, 'file'), options: ['bind'] },
      ];
      const script = 'cat /a/b/file /etc/one; touch /a/b/x 2>/dev/null || echo read-only';
      assert.equal(
        (await run(specOf(shell(script), { mounts: [...usualMounts, ...bound] }), { sandbox })).output,
        'content\ncontent\nread-only\n',
      );
    });

    test(`a tmpfs can begin with what the image has at its place, ${where}`, async () => {
      const name = `filled-${users}-${furnished}`;
      const place = join(home.root, name);
      mkdirSync(join(place, 'deep'), { recursive: true });
      writeFileSync(join(place, 'deep/file'), 'content\n');
      chmodSync(join(place, 'deep/file'), 0o646);
      chownSync(join(place, 'deep/file'), users ? 300_005 : 5, users ? 300_006 : 6);
      symlinkSync('/etc/passwd', join(place, 'link'));
      const mount: SpecMount = {
        destination: `/${name}`,
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'tmpcopyup', 'size=1m'],
      };
      const script = `cd /${name}; cat deep/file; stat -c '%a %u %g' deep/file; stat -c %N link; echo x >deep/file && echo written`;
      const { output } = await run(specOf(shell(script), { mounts: [...usualMounts, mount] }), { sandbox });
      assert.equal(output, "content\n646 5 6\n'link' -> '/etc/passwd'\nwritten\n");
      assert.equal(readFileSync(join(place, 'deep/file'), 'utf8'), 'content\n');
      const small = { ...mount, options: ['tmpcopyup', 'size=4k', 'nr_inodes=3'] };
      if (!users)
        assert.equal((await failure(run(specOf({}, { mounts: [...usualMounts, small] }), { sandbox }))).code, 'RUNTIME_TMPFS_FULL');
    });

    test(`one more process joins a running container, ${where}`, async () => {
      await using undo = new AsyncDisposableStack();
      const spec = specOf(shell('hostname inside; sleep 1000'), { hostname: 'outside' });
      const parked = await park(undo, { users, ...(furnished ? { skeleton: skeletonOf(spec) } : {}) });
      const root = addon.openTree(AT_FDCWD, home.root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
      undo.defer(() => addon.close(root));
      const started = await startContainer(parked, { spec, root: { mount: root }, stdio: { mode: 'null' } });
      undo.defer(() => started.connection.close());
      const log = join(home.directory, `exec-${users}-${furnished}`);
      const descriptor = openSync(log, 'w');
      undo.defer(() => closeSync(descriptor));
      const exec = await openExecSandbox({
        addon,
        bosun: bosunPath,
        pid: started.pid,
        ...(parked.cgroup === null ? {} : { cgroup: parked.cgroup }),
        ...(users ? { idMap: testIdMap } : {}),
      });
      const process: Process = {
        cwd: '/bin',
        env: ['PATH=/bin'],
        args: ['sh', '-c', 'pwd; id -u; ls -d /proc/1; exit 9'],
        user: { uid: 5, gid: 5 },
      };
      const second = await startExec(exec, {
        process,
        stdio: { mode: 'pipes', openStdin: false, stdinOnce: false },
        log: { file: descriptor },
      });
      undo.defer(() => second.connection.close());
      assert.equal((await second.connection.exited).exitCode, 9);
      assert.equal(readLog(log), '/bin\n5\n/proc/1\n');
      started.connection.signal(9);
      assert.equal((await started.connection.exited).exitCode, 137);
    });
  }

  test('files made in a user namespace belong to the range outside', async () => {
    await run(specOf(shell('touch /tmp/mine'), {}), { sandbox: { users: true } });
    const { uid, gid } = statSync(join(home.root, 'tmp/mine'));
    assert.deepEqual([uid, gid], [300_000, 300_000]);
  });

  test('a terminal is the controlling one, of the size asked for', async () => {
    const started = await run(
      specOf({ ...shell('stty size; test -t 0 && test -t 1 && echo tty; test -c /dev/console && echo console'), terminal: true }),
      {
        start: { stdio: { mode: 'terminal', rows: 33, columns: 111 } },
      },
    );
    assert.equal(started.output.replaceAll('\r', ''), '33 111\ntty\nconsole\n');
  });

  test('the container sees its own cgroup as the root', async () => {
    const { output } = await run(specOf(shell('grep -v ":/$" /proc/self/cgroup | wc -l; ls /sys/fs/cgroup | wc -l')));
    const [foreign, entries] = output.split('\n').map(Number);
    assert.equal(foreign, 0);
    assert.ok(Number(entries) > 0);
  });

  test('a missing working directory is made', async () => {
    assert.equal((await run(specOf({ ...shell('pwd'), cwd: '/made/for/this' }))).output, '/made/for/this\n');
    assert.ok(existsSync(join(home.root, 'made/for/this')));
  });

  test('commands that cannot run fail with their sentence, and nothing stays', async () => {
    writeFileSync(join(home.root, 'tmp/plain'), 'x');
    const missing = await failure(run(specOf({ args: ['nope'] })));
    assert.deepEqual([missing.code, missing.message], ['RUNTIME_COMMAND_NOT_FOUND', 'exec: "nope": executable file not found in $PATH']);
    const denied = await failure(run(specOf({ args: ['/tmp/plain'] })));
    assert.deepEqual([denied.code, denied.message], ['RUNTIME_COMMAND_NOT_EXECUTABLE', 'exec: "/tmp/plain": permission denied']);
    const directory = await failure(run(specOf({ args: ['/tmp'] })));
    assert.equal(directory.code, 'RUNTIME_COMMAND_NOT_EXECUTABLE');
  });

  test('mounts that cannot be made fail with source and destination', async () => {
    const gone = await failure(run(specOf({}, { mounts: [{ destination: '/x', type: 'bind', source: '/no/such/source' }] })));
    assert.deepEqual([gone.code, gone.kind], ['RUNTIME_MOUNT_SOURCE', 'not-found']);
    assert.match(gone.message, /"\/no\/such\/source", to be mounted on \/x/);
    const odd = await failure(run(specOf({}, { mounts: [{ destination: '/x', type: 'tmpfs', source: 'tmpfs', options: ['sise=1'] }] })));
    assert.match(odd.message, /tmpfs \(tmpfs\) cannot be mounted on \/x: .*sise/);
    const unknown = await failure(run(specOf({}, { mounts: [{ destination: '/x', type: 'nofs' }] })));
    assert.match(unknown.hint ?? '', /does not know the file system nofs/);
  });

  test('a limit above our own fails, said plainly', { skip: mayRaiseLimits() ? 'may raise any limit here' : false }, async () => {
    const { hard } = addon.getrlimit(7);
    const error = await failure(run(specOf({ rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1, hard: hard + 1n }] })));
    assert.equal(error.code, 'RUNTIME_RLIMIT');
  });

  test('a user that the namespace does not map is refused before anything happens', async () => {
    const error = await failure(run(specOf({ user: { uid: 70_000, gid: 0 } }), { sandbox: { users: true } }));
    assert.match(error.message, /user 70000:0 is not mapped/);
  });

  test("an image's links never lead a mount out of the root", async () => {
    symlinkSync('../../../../../..', join(home.root, 'escape'));
    const target = `/escape/${mark}`;
    const { output } = await run(
      specOf(shell(`grep -c " /${mark} " /proc/mounts`), {
        mounts: [...usualMounts, { destination: target, type: 'tmpfs', source: 'tmpfs' }],
      }),
    );
    assert.equal(output, '1\n');
    assert.ok(!existsSync(`/${mark}`));
  });

  test('a link in the place of /proc is refused', async () => {
    await using undo = new AsyncDisposableStack();
    const other = makeBusyboxRoot();
    undo.defer(() => other.remove());
    symlinkSync('tmp', join(other.root, 'proc'));
    const root = addon.openTree(AT_FDCWD, other.root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    undo.defer(() => addon.close(root));
    const error = await failure(run(specOf({}), { start: { root: { mount: root } } }));
    assert.match(error.message, /proc \(proc\) cannot be mounted on \/proc/);
  });

  test('a container waits to be started when asked to', async () => {
    await using undo = new AsyncDisposableStack();
    const sandbox = await park(undo);
    const started = await startContainer(sandbox, {
      spec: specOf({ args: ['true'] }),
      root: { path: home.root },
      stdio: { mode: 'null' },
      waitForStart: true,
    });
    undo.defer(() => started.connection.close());
    assert.equal(started.state, 'created');
    await started.connection.start();
    assert.equal((await started.connection.exited).exitCode, 0);
  });

  test('a sandbox that is not used ends with its disposal; one that died is seen', async () => {
    await using undo = new AsyncDisposableStack();
    const unused = await park(undo);
    assert.ok(unused.isAlive() && isAlive(unused.pid));
    const namespace = unused.openNamespace('net');
    addon.close(namespace);
    await unused[Symbol.asyncDispose]();
    assert.ok(!isAlive(unused.pid));
    const killed = await park(undo);
    process.kill(killed.monitor.pid, 'SIGKILL');
    await assert.rejects(killed.connection.exited);
    assert.ok(!killed.isAlive());
  });

  test('on a host with cgroup2 alone the process is born in its cgroup', {
    skip: unifiedLayout() === null ? 'needs cgroup2' : false,
  }, async () => {
    await using undo = new AsyncDisposableStack();
    const cgroup = createCgroup(unifiedLayout() ?? detectCgroupLayout(), `${mark}/born`);
    undo.defer(async () => {
      await cgroup.killAll();
      await cgroup.remove();
    });
    const sandbox = await park(undo, { cgroup });
    assert.deepEqual(cgroup.pids(), [sandbox.pid]);
    await cgroup.freeze();
    assert.ok(cgroup.isFrozen());
    await cgroup.thaw();
    const mount: SpecMount = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev'] };
    const spec = specOf(shell('read never'), { mounts: [...usualMounts.slice(0, 2), mount] });
    const started = await startContainer(sandbox, {
      spec,
      root: { path: home.root },
      stdio: { mode: 'pipes', openStdin: true, stdinOnce: false },
    });
    undo.defer(() => started.connection.close());
    const exec = await openExecSandbox({ addon, bosun: bosunPath, pid: started.pid, cgroup });
    undo.use(exec);
    assert.deepEqual(new Set(cgroup.pids()), new Set([started.pid, exec.pid]));
    await cgroup.killAll();
    assert.equal((await started.connection.exited).signal, 9);
  });

  test('starts, failures and disposals give every descriptor back', async () => {
    const once = async (): Promise<number> => {
      await run(specOf(shell('true')), { sandbox: { users: true } });
      await failure(run(specOf({ args: ['nope'] })));
      await failure(run(specOf({}, { mounts: [{ destination: '/x', type: 'bind', source: '/no/such/source' }] })));
      return descriptors();
    };
    const first = await once();
    let last = first;
    for (let round = 0; round < 5; round += 1) last = await once();
    // What is being closed at the moment may vary; what leaks grows with each round.
    assert.ok(last <= first + 4, `${first} descriptors after one round, ${last} after six`);
  });

  function mayRaiseLimits(): boolean {
    return availableCapabilities().includes('CAP_SYS_RESOURCE');
  }
});

/** The cgroup2 hierarchy of this host as if it were the only one; its controllers do not matter for membership. */
function unifiedLayout(): CgroupLayout | null {
  const { hierarchies, unified } = detectCgroupLayout();
  return unified === null
    ? null
    : { mode: 'v2', hierarchies: hierarchies.filter(({ version }) => version === 2), unified, unifiedControllers: [] };
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
