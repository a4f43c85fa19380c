import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { after, describe, test } from 'node:test';
import type { Hook, LinuxSeccomp, SpecMount } from '#oci';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { openTestBundles, shell } from '../testing/bundles.ts';
import { runtimeProgram } from '../testing/program.ts';
import { reasonToSkip } from '../testing/root.ts';
import { exampleSpec } from './commands/spec.ts';

const nsenter = spawnSync('nsenter', ['--version']).status === 0 ? false : 'nsenter is not installed';

/** What scripts that were written for runc take for granted, of one version or another. */
describe("runc's habits", { skip: reasonToSkip() }, () => {
  const mark = `orlop-habits-${process.pid}`;
  const bundles = reasonToSkip() === false ? openTestBundles(mark) : (null as never);

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  function create(...wishes: Parameters<typeof bundles.make>): string {
    const { id, directory } = bundles.make(...wishes);
    const { code, err } = bundles.call(['create', '--bundle', directory, id], { detached: true });
    assert.equal(code, 0, err);
    return id;
  }

  const remove = (...ids: string[]): void => {
    for (const id of ids) assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  };

  test('containers are listed by id, with the name of their owner', () => {
    const ids = [create(), create(), create()];
    const { out } = bundles.call(['list', '--format', 'json']);
    const listed = JSON.parse(out) as { id: string; owner: string }[];
    assert.deepEqual(
      listed.map(({ id, owner }) => [id, owner]),
      ids.toSorted().map((id) => [id, 'root']),
    );
    remove(...ids);
  });

  test('without a path the cgroup has the name of the container, and one written for systemd is a name like others', () => {
    const place = detectCgroupLayout().hierarchies[0]?.mountPoint ?? '';
    const plain = create({ linux: { cgroupsPath: '' } });
    assert.ok(existsSync(join(place, plain)));
    remove(plain);
    assert.ok(!existsSync(join(place, plain)));
    const odd = create({ linux: { cgroupsPath: `/${mark}/a:b:c` } });
    assert.ok(existsSync(join(place, mark, 'a:b:c')));
    remove(odd);
    const odder = create({ linux: { cgroupsPath: `${mark}:b:c` } });
    assert.ok(existsSync(join(place, `${mark}:b:c`)));
    remove(odder);
  });

  test('what cannot be mounted is told with its source, its place and the reason that engines look for', () => {
    const { directory, root } = bundles.home;
    writeFileSync(join(directory, 'file'), '');
    mkdirSync(join(root, 'directory'), { recursive: true });
    writeFileSync(join(root, 'file'), '');
    const refused = (mount: SpecMount): string => {
      const { code, err } = bundles.run({ rest: { mounts: [...(exampleSpec().mounts ?? []), mount] } });
      assert.equal(code, 1);
      return JSON.parse(/msg=(".*")/.exec(err)?.[1] ?? '""');
    };
    const mounting = 'error during container init: error mounting';
    assert.match(
      refused({ destination: '/file', type: 'bind', source: directory, options: ['bind'] }),
      new RegExp(`${mounting} "${directory}" to rootfs at "/file": mount ${directory}:/file: not a directory$`),
    );
    assert.match(
      refused({ destination: '/directory', type: 'bind', source: join(directory, 'file'), options: ['bind'] }),
      new RegExp(`${mounting} "${directory}/file" to rootfs at "/directory": mount ${directory}/file:/directory: not a directory$`),
    );
    assert.match(refused({ destination: '/file', type: 'tmpfs', source: 'tmpfs' }), /mount tmpfs:\/file: not a directory$/);
    for (const mount of [
      { destination: '/proc', type: 'bind', source: directory, options: ['bind'] },
      { destination: '/proc', type: 'tmpfs', source: 'tmpfs' },
    ])
      assert.match(refused(mount), /"\/proc" cannot be mounted because it is not of type proc$/);
    const bound = { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind'] };
    const whole = bundles.run({ process: shell('cat /proc/1/comm'), rest: { mounts: [...(exampleSpec().mounts ?? []), bound] } });
    assert.deepEqual([whole.code, whole.out], [0, readFileSync('/proc/1/comm', 'utf8')], whole.err);
  });

  test('ids that the spec leaves out are 0, and an empty HOME is looked up', () => {
    const env = ['PATH=/bin', 'HOME=/override', 'HOME='];
    mkdirSync(join(bundles.home.root, 'etc'));
    writeFileSync(join(bundles.home.root, 'etc/passwd'), 'root:x:0:0:root:/home/of/root:/bin/sh\n');
    const { out } = bundles.run({ process: { ...shell('echo $(stat -c "%u %g" /proc/self) $HOME'), user: { uid: 0 } as never, env } });
    assert.equal(out, '0 0 /home/of/root\n');
  });

  test('a cgroup of an exec that lies outside is refused in the words of either runc', () => {
    const id = create();
    const { code, err } = bundles.call(['exec', '--cgroup', '..', id, 'true']);
    assert.deepEqual([code, /bad sub cgroup path: .*\.\. is not a sub cgroup path/.test(err)], [255, true], err);
    remove(id);
  });

  test('hooks without an environment have the caller’s, and inside the container its process’s', () => {
    const told = join(bundles.home.directory, 'told');
    const tell = (where: string): Hook => ({ path: '/bin/sh', args: ['sh', '-c', `echo $MINE $OUTER $(umask) >>${where}`] });
    const hooks = {
      createRuntime: [tell(told)],
      createContainer: [tell(told)],
      startContainer: [tell('/tmp/told')],
      poststop: [tell(told)],
    };
    const process = { env: ['PATH=/bin', 'MINE=inner'], ...shell('cat /tmp/told') };
    const root = { path: bundles.home.root, readonly: false };
    const { code, out, err } = bundles.run({ process, rest: { hooks, root } }, { environment: { OUTER: 'outer' } });
    assert.deepEqual([code, out], [0, 'inner 0022\n'], err);
    assert.equal(readFileSync(told, 'utf8'), 'outer 0022\ninner 0022\nouter 0022\n');
  });

  test('a createContainer hook finds itself in the root, and one that starts the container is filtered like it', () => {
    const seccomp: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['getpriority'], action: 'SCMP_ACT_ERRNO' }] };
    const hooks = {
      createContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'echo here >./tmp/where'] }],
      startContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'grep Seccomp: /proc/self/status >/tmp/filter'] }],
    };
    const root = { path: bundles.home.root, readonly: false };
    const { out, err } = bundles.run({ process: shell('cat /tmp/where /tmp/filter'), rest: { hooks, root }, linux: { seccomp } });
    assert.equal(out, 'here\nSeccomp:\t2\n', err);
  });

  test('what a createRuntime hook mounts below the root, in the namespace of the container, is there', { skip: nsenter }, () => {
    const { directory } = bundles.home;
    mkdirSync(join(bundles.home.root, 'lib'));
    writeFileSync(join(directory, 'library'), 'of the host\n');
    writeFileSync(join(bundles.home.root, 'lib/library'), '');
    const target = join(bundles.home.root, 'lib/library');
    const script = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); nsenter -m -t $pid sh -c 'mount --make-rslave / && mount --bind ${directory}/library ${target}'`;
    const hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', script] }] };
    const { out, err } = bundles.run({ process: shell('cat /lib/library'), rest: { hooks } });
    assert.equal(out, 'of the host\n', err);
    bundles.run({ process: shell('true') });
    assert.equal(readFileSync(target, 'utf8'), '');
  });

  test('without pivot_root no process can mount a proc that shows what is masked', () => {
    const { id, directory } = bundles.make({
      process: {
        ...shell('busybox unshare -mrpf mount -t proc none /proc && echo mounted'),
        capabilities: { bounding: ['CAP_SETFCAP'], effective: ['CAP_SETFCAP'], permitted: ['CAP_SETFCAP'] },
      },
    });
    for (const flags of [[], ['--no-pivot']]) {
      const { out, err } = bundles.call(['run', ...flags, '--bundle', directory, id]);
      assert.deepEqual([out, /mount: permission denied/.test(err)], ['', true], `${flags.join('')} ${err}`);
    }
  });

  test('start lets a program begin that the kernel will not execute, and the process tells why', () => {
    writeFileSync(join(bundles.home.root, 'bin/script'), '#!/nowhere\n', { mode: 0o755 });
    const { id, directory } = bundles.make({ process: { args: ['script'] } });
    const errors = join(bundles.home.directory, 'errors');
    const words = [...runtimeProgram, '--root', bundles.root, 'create', '--bundle', directory, id];
    const made = spawnSync('sh', ['-c', 'exec "$@" >/dev/null 2>"$0" </dev/null', errors, ...words]);
    assert.equal(made.status, 0, readFileSync(errors, 'utf8'));
    assert.deepEqual(bundles.call(['start', id]), { code: 0, out: '', err: '' });
    assert.equal(readFileSync(errors, 'utf8'), 'exec /bin/script: no such file or directory\n');
    remove(id);
  });

  test('a paused container ends with SIGKILL, and with no other signal before it is resumed', async () => {
    const { id, directory } = bundles.make({ process: shell('exec sleep 100') });
    assert.equal(bundles.call(['run', '--detach', '--bundle', directory, id], { detached: true }).code, 0);
    const status = (): string => (JSON.parse(bundles.call(['state', id]).out) as { status: string }).status;
    assert.equal(bundles.call(['pause', id]).code, 0);
    assert.equal(bundles.call(['kill', id, 'TERM']).code, 0);
    assert.equal(status(), 'paused');
    assert.equal(bundles.call(['kill', id, 'KILL']).code, 0);
    for (let tries = 0; status() !== 'stopped' && tries < 100; tries += 1) await setTimeout(50);
    assert.equal(status(), 'stopped');
    remove(id);
  });

  test('a /dev that is read-only has its console', () => {
    const mounts = (exampleSpec().mounts ?? []).map((mount) =>
      mount.destination === '/dev' ? { ...mount, options: [...(mount.options ?? []), 'ro'] } : mount,
    );
    const process = { ...shell('test -c /dev/console && grep "^tmpfs /dev " /proc/mounts'), terminal: true };
    const { out, err } = bundles.run({ process, rest: { mounts } });
    assert.match(out, /^tmpfs \/dev tmpfs ro,/, err);
  });

  test('capabilities that exec adds are ambient where they may be inherited, and what cannot be ambient is told', () => {
    const sets = 'grep -E "^Cap(Inh|Amb):" /proc/self/status';
    const inheritable = ['CAP_CHOWN', 'CAP_SYSLOG'];
    const capabilities = { bounding: [...inheritable, 'CAP_KILL'], permitted: ['CAP_CHOWN', 'CAP_KILL'], inheritable };
    const id = create({ process: { ...shell('true'), capabilities } });
    const added = bundles.call(['exec', '--cap', 'CAP_SYSLOG', '--cap', 'CAP_KILL', id, 'sh', '-c', sets]);
    assert.deepEqual(added, { code: 0, out: 'CapInh:\t0000000400000001\nCapAmb:\t0000000400000000\n', err: '' });
    remove(id);
    const { out, err } = bundles.run({ process: { ...shell(sets), capabilities: { ...capabilities, ambient: ['CAP_KILL'] } } });
    assert.match(out, /^CapAmb:\t0{16}$/m);
    assert.match(err, /level=warning msg="can't raise ambient capability CAP_KILL: operation not permitted"\n$/);
  });

  test('a limit of no processes is none in older specs, and one process from 1.3 on', () => {
    const { hierarchies } = detectCgroupLayout();
    const place = (hierarchies.find(({ controllers }) => controllers.includes('pids')) ?? hierarchies[0])?.mountPoint ?? '';
    for (const [ociVersion, limit] of [
      ['1.2.1', 'max'],
      ['1.3.0', '1'],
    ] as const) {
      const id = create({ rest: { ociVersion }, linux: { cgroupsPath: `/${mark}/pids`, resources: { pids: { limit: 0 } } } });
      const now = (): string => readFileSync(join(place, mark, 'pids/pids.max'), 'utf8').trim();
      assert.equal(now(), limit);
      assert.equal(bundles.call(['update', '--pids-limit', '9', id]).code, 0);
      assert.equal(bundles.call(['update', '--pids-limit', '0', id]).code, 0);
      assert.equal(now(), limit === 'max' ? '9' : '1');
      remove(id);
    }
  });

  test('the specification file and the maker of cgroups can be named as for crun', () => {
    const { id, directory } = bundles.make({ process: shell('echo there') });
    mkdirSync(join(directory, 'below'));
    renameSync(join(directory, 'config.json'), join(directory, 'below/other.json'));
    const words = ['run', '--bundle', directory, '--config', 'below/other.json', id];
    assert.deepEqual(bundles.call(['--cgroup-manager', 'cgroupfs', ...words]), { code: 0, out: 'there\n', err: '' });
    const { code, err } = bundles.call(['--cgroup-manager=nobody', ...words]);
    assert.deepEqual([code, /unknown cgroup manager .*nobody/.test(err)], [1, true], err);
  });

  test('a root for records that is named and not there cannot be listed', () => {
    const { code, err } = bundles.call(['--root', '/no/such/records', 'list']);
    assert.deepEqual([code, /open \/no\/such\/records: no such file or directory/.test(err)], [1, true], err);
    assert.ok(!existsSync('/no/such'));
  });

  test('a spec of a version that cannot be is refused', () => {
    const { code, err } = bundles.run({ rest: { ociVersion: 'invalid' } });
    assert.deepEqual([code, /unsupported ociVersion .*invalid/.test(err)], [1, true], err);
    assert.equal(bundles.run({ rest: { ociVersion: '1.0.2-dev' } }).code, 0);
  });

  test('what is no signal, and ps that fails, are told in one line', () => {
    const id = create();
    for (const [words, message] of [
      [['kill', id, '99'], 'unable to signal init: invalid argument'],
      [['kill', id, '-1'], 'unable to signal init: invalid argument'],
      [['ps', id, '--nope'], String.raw`exit status 1: error: .*\\n.*`],
    ] as const) {
      const { code, err } = bundles.call(words);
      assert.deepEqual([code, new RegExp(`^time="[^"]*" level=error msg="${message}"\n$`).test(err)], [1, true], err);
    }
    assert.equal(bundles.call(['kill', id, '']).code, 0);
    remove(id);
  });

  test('with --no-subreaper run still learns how the process ended', () => {
    const { id, directory } = bundles.make({ process: shell('exit 7') });
    assert.equal(bundles.call(['run', '--no-subreaper', '--bundle', directory, id]).code, 7);
    assert.equal(bundles.call(['exec', '--no-subreaper', id, 'true']).code, 1);
  });

  test('the version and the help are where scripts look for them, under either name', () => {
    const lines = (environment: Record<string, string>): string[] => bundles.call(['--version'], { environment }).out.split('\n');
    assert.match(lines({}).join('\n'), /^orlop-runtime version \S+\ncommit: \S+\nspec: \d+\.\d+\.\d+\n$/);
    const environment = { ORLOP_CALLED: 'runc' };
    assert.match(lines(environment)[0] ?? '', /^orlop-runtime \S+, in place of runc version \d+\.\d+\.\d+$/);
    assert.match(bundles.call(['kill', '-h'], { environment }).out, /^NAME:\n {3}runc kill - /);
    assert.match(bundles.call(['-h'], { environment }).out, /^NAME:\n {3}runc - Open Container Initiative runtime\n/);
  });
});
