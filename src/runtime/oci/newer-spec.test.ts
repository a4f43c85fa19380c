import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type Linux, type LinuxSeccomp, namespaceTypes } from '#oci';
import { openTestBundles, shell, type TestBundles } from '../testing/bundles.ts';
import { reasonToSkip } from '../testing/root.ts';
import { exampleSpec } from './commands/spec.ts';

/** Fields of runtime-spec that are younger than runc 1.1, through the whole command line. */
describe('what newer specs ask for', { skip: reasonToSkip() }, () => {
  const bundles: TestBundles = reasonToSkip() === false ? openTestBundles(`orlop-newer-${process.pid}`) : (null as never);
  const noIp = spawnSync('ip', ['-V']).status === 0 ? false : 'needs ip';
  let devices = 0;

  after(async () => {
    assert.deepEqual(await bundles.close(), []);
  });

  function ip(line: string): string {
    const { status, stdout, stderr } = spawnSync('ip', line.split(' '), { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  }

  /** One end of a pair, which goes when the other does. */
  function addDevice(): { name: string; [Symbol.dispose](): void } {
    devices += 1;
    const name = `orlt${process.pid % 100_000}x${devices}`;
    ip(`link add ${name} type veth peer name ${name}p`);
    ip(`address add 192.0.2.9/32 dev ${name}`);
    return { name, [Symbol.dispose]: () => void spawnSync('ip', ['link', 'del', `${name}p`]) };
  }

  test('a network device moves into the container under another name and is up', { skip: noIp }, () => {
    using device = addDevice();
    const wishes = {
      process: shell('busybox ip address show dev inner'),
      linux: { netDevices: { [device.name]: { name: 'inner' } } },
    };
    const { code, out, err } = bundles.run(wishes);
    assert.equal(code, 0, err);
    assert.match(out, /inner@\S+: <[^>]*UP[^>]*>/);
    assert.match(out, /inet 192\.0\.2\.9\/32/);
  });

  test('it moves into a namespace that a user namespace owns', { skip: noIp }, () => {
    using device = addDevice();
    const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const namespaces = namespaceTypes.filter((type) => type !== 'time').map((type) => ({ type }));
    const linux = { namespaces, uidMappings: ids, gidMappings: ids, netDevices: { [device.name]: {} } };
    const { code, out, err } = bundles.run({ process: shell(`busybox ip address show dev ${device.name}`), linux });
    assert.equal(code, 0, err);
    assert.match(out, /UP.*inet 192\.0\.2\.9/s);
  });

  test('it is back when the container cannot be made', { skip: noIp }, () => {
    using device = addDevice();
    ip(`link set ${device.name} up`);
    const { code, err } = bundles.run({ process: { args: ['/nowhere'] }, linux: { netDevices: { [device.name]: { name: 'inner' } } } });
    assert.notEqual(code, 0);
    assert.match(err, /nowhere/);
    assert.match(ip(`address show dev ${device.name}`), /<[^>]*UP[^>]*>.*192\.0\.2\.9\/32/s);
  });

  test('network devices need a network of the container’s own', () => {
    const linux = { namespaces: [{ type: 'mount' } as const], netDevices: { lo: {} } };
    const { code, err } = bundles.run({ rest: { hostname: '' }, linux });
    assert.notEqual(code, 0);
    assert.match(err, /unable to move network devices without a NET namespace/);
  });

  test('a user namespace need not have a root', () => {
    const map = [{ containerID: 1000, hostID: 300_000, size: 1 }];
    const namespaces = [...(exampleSpec().linux?.namespaces ?? []), { type: 'user' as const }];
    const mounts = exampleSpec().mounts?.map((mount) => ({
      ...mount,
      options: mount.options?.filter((option) => option !== 'gid=5') ?? [],
    }));
    for (const place of ['proc', 'sys', 'dev']) mkdirSync(join(bundles.home.root, place), { recursive: true });
    const { id, directory } = bundles.make({
      process: { ...shell('exec sleep 1000'), user: { uid: 1000, gid: 1000 } },
      rest: { mounts: mounts ?? [] },
      linux: { namespaces, uidMappings: map, gidMappings: map },
    });
    const log = join(directory, 'log');
    const started = bundles.call(['--log', log, 'run', '--detach', '--bundle', directory, id], { detached: true });
    assert.equal(started.code, 0, existsSync(log) ? readFileSync(log, 'utf8') : '');
    const { out, err } = bundles.call(['exec', id, 'sh', '-c', 'id -u; id -g; cat /proc/self/uid_map']);
    assert.match(out, /^1000\n1000\n +1000 +300000 +1\n$/, err);
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  });

  test('a memory policy and a personality hold for the container and for exec', {
    skip: existsSync('/sys/devices/system/node') ? false : 'no NUMA',
  }, () => {
    const script = 'busybox head -n 1 /proc/self/numa_maps; busybox uname -m';
    const { id, directory } = bundles.make({
      process: { args: ['sleep', '1000'] },
      linux: { memoryPolicy: { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] }, personality: { domain: 'LINUX32' } },
    });
    assert.equal(bundles.call(['run', '--detach', '--bundle', directory, id], { detached: true }).code, 0);
    const { out, err } = bundles.call(['exec', id, 'sh', '-c', script]);
    assert.match(out, /^\w+ bind=static:0 .*\n(i686|armv\dl)\n$/, err);
    assert.match(bundles.call(['exec', id, 'sh', '-c', 'busybox head -n 1 /proc/1/numa_maps']).out, / bind=static:0 /);
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  });

  test('a memory policy over a node that is not there is told as such', { skip: existsSync('/sys/devices/system/node/node63') }, () => {
    const { code, err } = bundles.run({ linux: { memoryPolicy: { mode: 'MPOL_BIND', nodes: '63' } } });
    assert.notEqual(code, 0);
    assert.match(err, /set_mempolicy: invalid argument/);
  });

  test('a memory policy that nobody can mean is refused in the words that callers know', () => {
    const refused = (memoryPolicy: NonNullable<Linux['memoryPolicy']>): string => bundles.run({ linux: { memoryPolicy } }).err;
    assert.match(refused({ mode: 'INTERLEAVE', nodes: '0' }), /invalid memory policy mode \\"INTERLEAVE\\"/);
    assert.match(refused({ nodes: '0-7' }), /invalid memory policy mode/);
    assert.match(refused({ mode: 'MPOL_BIND', nodes: '0', flags: ['HURRY'] }), /invalid memory policy flag \\"HURRY\\"/);
    assert.match(refused({ mode: 'MPOL_BIND', nodes: '0-9876543210' }), /invalid memory policy node/);
    assert.match(refused({ mode: 'MPOL_DEFAULT', nodes: '0-7' }), /set_mempolicy: invalid argument/);
    assert.equal(refused({}), '');
  });

  test('a deadline on some of the processors is refused', { skip: availableParallelism() > 1 ? false : 'needs two processors' }, () => {
    const scheduler = { policy: 'SCHED_DEADLINE', runtime: 42_000, deadline: 1_000_000, period: 1_000_000 };
    const { code, err } = bundles.run({ process: { scheduler }, linux: { resources: { cpu: { cpus: '0' } } } });
    assert.equal(code, 1);
    assert.match(err, /process scheduler can't be used together with AllowedCPUs/);
  });

  test('clocks have their offsets in a time namespace', { skip: existsSync('/proc/self/ns/time') ? false : 'no time namespaces' }, () => {
    const namespaces = namespaceTypes.filter((type) => type !== 'user').map((type) => ({ type }));
    const timeOffsets = { monotonic: { secs: 86_400 }, boottime: { secs: 7, nanosecs: 5 } };
    const { out, err } = bundles.run({ process: shell('cat /proc/self/timens_offsets'), linux: { namespaces, timeOffsets } });
    assert.deepEqual(out.trim().split(/\s+/), ['monotonic', '86400', '0', 'boottime', '7', '5'], err);
  });

  test('a cgroup namespace begins at the container’s cgroup', () => {
    const namespaces = (['mount', 'pid', 'uts', 'network', 'ipc', 'cgroup'] as const).map((type) => ({ type }));
    const { out, err } = bundles.run({ process: shell('cat /proc/self/cgroup'), linux: { namespaces } });
    const paths = out
      .trim()
      .split('\n')
      .map((line) => line.split(':').at(-1));
    assert.ok(paths.length > 0 && paths.every((path) => path === '/'), `${out}${err}`);
  });

  test('scheduling and I/O priority hold for the program', () => {
    const script = 'busybox ionice -p $$; read line </proc/self/stat; set -- ${line##*)}; echo ${17} ${39}';
    const scheduler = { policy: 'SCHED_BATCH', nice: 5 };
    const { out, err } = bundles.run({ process: { ...shell(script), scheduler, ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 7 } } });
    assert.equal(out, 'best-effort: prio 7\n5 3\n', err);
  });

  test('a process of exec begins and stays where its affinity says', {
    skip: availableParallelism() > 1 ? false : 'needs two processors',
  }, () => {
    const { id, directory } = bundles.make({ process: { args: ['sleep', '1000'], execCPUAffinity: { final: '1' } } });
    assert.equal(bundles.call(['run', '--detach', '--bundle', directory, id], { detached: true }).code, 0);
    const allowed = (words: readonly string[]): string =>
      /Cpus_allowed_list:\t(.*)/.exec(bundles.call(['exec', ...words, id, 'cat', '/proc/self/status']).out)?.[1] ?? '';
    assert.equal(allowed([]), '1');
    const first = bundles.call(['exec', id, 'cat', '/proc/1/status']).out;
    assert.doesNotMatch(first, /Cpus_allowed_list:\t1\n/);
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
    const begin = bundles.make({ process: { args: ['sleep', '1000'], execCPUAffinity: { initial: '0' } } });
    assert.equal(bundles.call(['run', '--detach', '--bundle', begin.directory, begin.id], { detached: true }).code, 0);
    assert.match(bundles.call(['exec', begin.id, 'cat', '/proc/self/status']).out, /Cpus_allowed_list:\t0\n/);
    assert.equal(bundles.call(['delete', '--force', begin.id]).code, 0);
  });

  test('neither a container nor exec is bound to the processors of who makes it', {
    skip: availableParallelism() > 1 ? false : 'needs two processors',
  }, () => {
    const { id, directory } = bundles.make({ process: { args: ['sleep', '1000'] } });
    const bound = { wrapper: ['taskset', '-c', '0'] } as const;
    const all = /Cpus_allowed_list:\t(.*)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    assert.equal(bundles.call(['run', '--detach', '--bundle', directory, id], { detached: true, ...bound }).code, 0);
    for (const pid of ['1', 'self']) {
      const { out, err } = bundles.call(['exec', id, 'cat', `/proc/${pid}/status`], bound);
      assert.equal(/Cpus_allowed_list:\t(.*)/.exec(out)?.[1], all, err);
    }
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  });

  test('the log tells where exec begins and how a filter is loaded', () => {
    const seccomp: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG'] };
    const { id, directory } = bundles.make({ process: { args: ['sleep', '1000'], execCPUAffinity: { initial: '0' } }, linux: { seccomp } });
    const file = join(directory, 'log');
    assert.equal(bundles.call(['--debug', '--log', file, 'run', '--detach', '--bundle', directory, id], { detached: true }).code, 0);
    assert.match(readFileSync(file, 'utf8'), /msg="seccomp filter flags: 2"/);
    assert.match(bundles.call(['--debug', 'exec', id, 'true']).err, /nsexec\[\d+\]: affinity: 0x1"/);
    assert.equal(bundles.call(['delete', '--force', id]).code, 0);
  });

  test('Intel RDT is refused by name where the kernel has none', {
    skip: existsSync('/sys/fs/resctrl') ? 'this kernel has it' : false,
  }, () => {
    const { code, err } = bundles.run({ linux: { intelRdt: { closID: 'gold' } } });
    assert.notEqual(code, 0);
    assert.match(err, /linux\.intelRdt is not supported: this kernel or processor has no resctrl/);
  });
});
