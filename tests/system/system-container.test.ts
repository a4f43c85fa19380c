import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { eventually, startEngine, whyNot, type TestEngine } from './harness.ts';

describe('system containers with busybox init', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const state = (name: string): Promise<string> => engine.must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name);
  before(async () => {
    engine = await startEngine();
  });
  after(() => engine[Symbol.asyncDispose]());

  test('launch builds the template when it is missing and starts a machine with its own name', async () => {
    assert.equal(await engine.must('launch', 'busybox', 'box'), 'box');
    assert.equal(await engine.must('exec', 'box', 'hostname'), 'box');
    assert.equal(await engine.must('exec', 'box', 'cat', '/etc/hostname'), 'box');
    assert.match(await engine.must('exec', 'box', 'cat', '/proc/1/comm'), /init/);
    assert.match(await engine.must('ps'), /box/);
    assert.equal(await engine.must('inspect', '-f', '{{index .Config.Labels "orlop.kind"}}', 'box'), 'system');
  });

  test('it has a user namespace of its own, all capabilities in it, and may mount', async () => {
    assert.match(await engine.must('exec', 'box', 'cat', '/proc/1/status'), /^CapEff:\s+[0-9a-f]*ff$/m);
    assert.doesNotMatch(await engine.must('exec', 'box', 'cat', '/proc/self/uid_map'), /^\s+0\s+0\s/);
    await engine.must('exec', 'box', 'sh', '-c', 'mount -t tmpfs none /mnt && touch /mnt/x && umount /mnt');
  });

  test('it may hand controllers on to cgroups of its own, as a host may, and exec works still', async (t) => {
    const script = [
      'cd /sys/fs/cgroup; read first rest < cgroup.controllers || exit 9',
      'mkdir -p own; for pid in $(cat cgroup.procs); do echo $pid > own/cgroup.procs 2>/dev/null; done; echo "+$first" > cgroup.subtree_control',
    ].join('; ');
    await engine.must('launch', 'busybox', 'handing');
    const { code, stderr } = await engine.orlop('exec', 'handing', 'sh', '-c', script);
    if (code === 9) return t.skip('this host has no controllers on cgroup2');
    assert.equal(code, 0, stderr);
    assert.equal(
      await engine.must('exec', 'handing', 'cat', '/proc/self/cgroup', '/proc/1/cgroup').then((said) => said.match(/^0::\/own$/gm)?.length),
      2,
    );
    await engine.must('rm', '-f', 'handing');
  });

  test('what it mounts below a volume comes out neither on the host nor in another container', async () => {
    await engine.must('launch', '-v', 'shared:/shared', 'busybox', 'beside');
    await engine.must(
      'exec',
      'beside',
      'sh',
      '-c',
      'mkdir -p /shared/here && mount -t tmpfs inside-only /shared/here && grep -q inside-only /proc/1/mountinfo',
    );
    const [host, ofEngine] = ['self', engine.pid()].map((process) => readFileSync(`/proc/${process}/mountinfo`, 'utf8'));
    assert.doesNotMatch(`${host}${ofEngine}`, /inside-only/);
    assert.equal(
      await engine.must('run', '--rm', '-v', 'shared:/shared', 'busybox', 'sh', '-c', 'grep -c inside-only /proc/self/mountinfo || true'),
      '0',
    );
    await engine.must('rm', '-f', 'beside');
  });

  test('its files belong to the machine: names and resolver can be replaced and stay over a restart', async () => {
    await engine.must(
      'exec',
      'box',
      'sh',
      '-c',
      'mv /etc/hostname /etc/hostname.old && echo renamed > /etc/hostname; rm /etc/resolv.conf; echo "nameserver 192.0.2.53" > /etc/resolv.conf',
    );
    await engine.must('restart', 'box');
    assert.equal(await engine.must('exec', 'box', 'cat', '/etc/hostname', '/etc/resolv.conf'), 'renamed\nnameserver 192.0.2.53');
  });

  test('stop shuts it down through its init', async () => {
    await engine.must('stop', 'box');
    assert.equal(await state('box'), 'exited 0');
    await engine.must('start', 'box');
    assert.equal(await state('box'), 'running 0');
  });

  test('a reboot from inside comes back, a power-off from inside stays off', async () => {
    const boot = await engine.must('inspect', '-f', '{{.State.StartedAt}}', 'box');
    await engine.orlop('exec', 'box', 'reboot', '-f');
    await eventually(
      () => engine.must('inspect', '-f', '{{.State.StartedAt}}', 'box'),
      (answer) => answer !== boot,
    );
    await eventually(
      () => state('box'),
      (answer) => answer === 'running 0',
    );
    await engine.orlop('exec', 'box', 'poweroff', '-f');
    await eventually(
      () => state('box'),
      (answer) => answer === 'exited 0',
    );
  });

  test('rm takes it away with its files', async () => {
    const id = await engine.must('inspect', '-f', '{{.Id}}', 'box');
    await engine.must('rm', 'box');
    await eventually(
      async () => String(existsSync(`${engine.dataRoot}/containers/${id}`)),
      (answer) => answer === 'false',
    );
  });
});

describe('system containers with systemd', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'debian/trixie');
    await engine.must('launch', 'debian/trixie', 'deb');
  });
  after(() => engine[Symbol.asyncDispose]());

  const booted = (): Promise<string> =>
    eventually(
      async () => (await engine.orlop('exec', 'deb', 'systemctl', 'is-system-running', '--wait')).stdout.trim(),
      (answer) => answer === 'running',
    );

  test('its init says running, and no unit has failed', async () => {
    await booted();
    assert.equal(await engine.must('exec', 'deb', 'systemctl', '--failed', '--plain', '--no-legend'), '');
  });

  test('its tools show its share of the host', { skip: existsSync('/usr/bin/lxcfs') ? false : 'needs lxcfs' }, async () => {
    await engine.must('set', 'deb', 'limits.memory=512MiB', 'limits.cpu=1@0-0');
    assert.match(await engine.must('exec', 'deb', 'free', '-b'), new RegExp(`^Mem:\\s+${512 * 2 ** 20}\\s`, 'm'));
    assert.match(await engine.must('exec', 'deb', 'top', '-b', '-n', '1'), /^MiB Mem :\s+512\.0 total/m);
    assert.equal(await engine.must('exec', 'deb', 'nproc'), '1');
    assert.equal(await engine.must('exec', 'deb', 'getconf', '_NPROCESSORS_ONLN'), '1');
    assert.match(await engine.must('exec', 'deb', 'uptime', '-p'), /^up (?:\d minutes?)?$/);
  });

  test('services run in cgroups of its own', async () => {
    assert.match(await engine.must('exec', 'deb', 'cat', '/proc/1/cgroup'), /^0::\/init\.scope$/m);
    assert.match(
      await engine.must('exec', 'deb', 'systemctl', 'status', 'dbus.service', '--no-pager'),
      /CGroup: \/system\.slice\/dbus\.service/,
    );
  });

  test('its services get credentials, which systemd mounts in a namespace of their own', async () => {
    const service = ['--wait', '--pipe', '--quiet', '-p', 'DynamicUser=yes', '-p', 'SetCredential=word:secret', '-p', 'PrivateTmp=yes'];
    assert.equal(await engine.must('exec', 'deb', 'systemd-run', ...service, 'sh', '-c', 'cat "$CREDENTIALS_DIRECTORY/word"'), 'secret');
  });

  test('the boot is in its log', async () => {
    // In systemd's own time, which may be after the answer to is-system-running. What comes after the login prompt it may keep to itself.
    await eventually(
      () => engine.must('logs', 'deb'),
      (answer) => answer.includes('Basic System'),
    );
  });

  test('it survives the death of the engine', async () => {
    const before = await engine.must('exec', 'deb', 'cat', '/proc/sys/kernel/random/boot_id');
    const pid = await engine.must('inspect', '-f', '{{.State.Pid}}', 'deb');
    await engine.kill();
    assert.ok(readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('systemd'));
    await engine.start();
    assert.equal(await engine.must('exec', 'deb', 'cat', '/proc/sys/kernel/random/boot_id'), before);
    assert.equal((await engine.orlop('exec', 'deb', 'systemctl', 'is-system-running')).stdout, 'running\n');
  });

  test('an app container stands on the same base layer', async () => {
    const layers = async (name: string): Promise<string[]> =>
      JSON.parse(await engine.must('inspect', '--type', 'image', '-f', '{{json .RootFS.Layers}}', name)) as string[];
    const [base] = await layers('debian:trixie');
    const machine = await layers('debian:trixie-systemd');
    assert.equal(machine[0], base);
    assert.equal(machine.length, 2);
    assert.match(await engine.must('run', '--rm', 'debian:trixie', 'cat', '/etc/os-release'), /trixie/);
  });

  test('it shuts down cleanly', async () => {
    await engine.must('stop', 'deb');
    assert.equal(await engine.must('inspect', '-f', '{{.State.ExitCode}}', 'deb'), '0');
    assert.match(await engine.must('logs', '--tail', '60', 'deb'), /Shutting down|System Halt|Powering off|Halt/);
  });
});
