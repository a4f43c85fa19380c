import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { runCommand } from '../system/harness.ts';
import { containerdPrograms, ctrRuntime, dockerPrograms, openContainerd, openDocker, type EngineDaemon } from './daemons.ts';
import { imageName as image, openEngineHome, until, whyNoEngine, type EngineHome } from './engine-home.ts';
import { openPodman, type Podman } from './podman.ts';

// Engines whose cgroups systemd makes: each container is a scope in a slice of the test's own.

/** Why no engine can let systemd make its cgroups here, or false. */
function whyNoUnits(programs: Readonly<Record<string, string>>): string | false {
  const isThere = existsSync('/run/systemd/system') && existsSync('/sys/fs/cgroup/cgroup.controllers');
  return whyNoEngine(programs) || (isThere ? false : 'needs a host that runs systemd on cgroup2 alone: npm run test:vm');
}

const script = 'trap "exit 3" TERM; while :; do sleep 0.1; done';

/** A slice for a test's containers. Disposing stops it, and fails when a unit or a cgroup of it is left before that. */
function openSlice(): AsyncDisposable & { readonly name: string; readonly mark: string } {
  const mark = `orlopt${randomBytes(4).toString('hex')}`;
  const name = `${mark}.slice`;
  return {
    name,
    mark,
    async [Symbol.asyncDispose]() {
      // Scopes end when systemd has seen that they are empty.
      const units = async (): Promise<string[]> =>
        (await systemctl('list-units', '--all', '--plain', '--no-legend'))
          .split('\n')
          .filter((line) => line.includes(mark) && !line.startsWith(mark));
      await until('the end of its scopes', async () => (await units()).length === 0);
      await systemctl('stop', name);
      await until('the end of its cgroup', () => Promise.resolve(!existsSync(`/sys/fs/cgroup/${name}`)));
    },
  };
}

async function systemctl(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand('systemctl', words);
  assert.equal(code, 0, `systemctl ${words.join(' ')}: ${stderr}`);
  return stdout.trimEnd();
}

/** Properties of a unit, in this order. */
async function show(unit: string, ...names: string[]): Promise<string[]> {
  const lines = (await systemctl('show', unit, ...names.flatMap((name) => ['-p', name]))).split('\n');
  return names.map((name) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? '');
}

const isGone = async (unit: string): Promise<boolean> => (await show(unit, 'LoadState'))[0] === 'not-found';

describe('podman with the systemd cgroup manager', { skip: whyNoUnits({ podman: 'podman', conmon: 'conmon' }) }, () => {
  const undo = new AsyncDisposableStack();
  let podman: Podman;
  let slice: string;
  before(async () => {
    const held = undo.use(openSlice());
    slice = held.name;
    podman = undo.use(await openPodman('systemd'));
  });
  after(() => undo.disposeAsync());
  const usual = (): string[] => ['--network', 'none', '--cgroup-parent', slice];

  test('a container is a scope with its limits, which update changes and a reload keeps', async () => {
    const limits = ['-m', '64m', '--cpus', '0.5', '--pids-limit', '33'];
    const id = await podman.must('run', '-d', '--name', 'life', ...usual(), ...limits, image, 'sh', '-c', script);
    const unit = `libpod-${id}.scope`;
    const properties = (): Promise<string[]> => show(unit, 'ActiveState', 'Slice', 'TasksMax', 'CPUQuotaPerSecUSec');
    assert.deepEqual(await properties(), ['active', slice, '33', '500ms']);
    await podman.must('update', '--memory', '96m', '--cpus', '0.25', 'life');
    assert.deepEqual(await properties(), ['active', slice, '33', '250ms']);
    await systemctl('daemon-reload');
    const read = 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max';
    assert.equal(await podman.must('exec', 'life', 'sh', '-c', read), `${96 * 2 ** 20}\n33`);
    assert.match(await podman.must('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'life'), /^life [12]$/);
    await podman.must('pause', 'life');
    assert.equal(await podman.must('inspect', '-f', '{{.State.Status}}', 'life'), 'paused');
    await podman.must('unpause', 'life');
    await podman.must('stop', '-t', '20', 'life');
    assert.equal(await podman.must('inspect', '-f', '{{.State.ExitCode}}', 'life'), '3');
    await until('the end of the scope', () => isGone(unit));
    await podman.must('start', 'life');
    assert.deepEqual((await properties()).slice(0, 2), ['active', slice]);
    await podman.must('rm', '-f', '-t', '0', 'life');
    await until('the end of the scope', () => isGone(unit));
  });

  test('output, exit codes and failures are as with bare cgroups, and no unit stays', async () => {
    const done = await podman.run('run', '--rm', ...usual(), image, 'sh', '-c', 'cat /proc/self/cgroup; exit 6');
    assert.deepEqual([done.code, done.stdout], [6, '0::/\n'], done.stderr);
    assert.equal((await podman.run('run', '--rm', ...usual(), image, 'nothing-there')).code, 127);
    const host = await podman.must('run', '--rm', '--cgroupns', 'host', ...usual(), image, 'cat', '/proc/self/cgroup');
    assert.match(host, new RegExp(`^0::/${slice}/libpod-[0-9a-f]{64}\\.scope(/container)?$`));
  });

  test('a container for an init may make cgroups of its own', async () => {
    const inside = 'mkdir /sys/fs/cgroup/own && echo $$ >/sys/fs/cgroup/own/cgroup.procs && cat /proc/self/cgroup';
    assert.equal(await podman.must('run', '--rm', '--systemd=always', ...usual(), image, 'sh', '-c', inside), '0::/own');
  });

  test('the containers of a pod are scopes of a slice of its own', async () => {
    const infra = ['--infra-image', image, '--infra-command', 'sleep 1000'];
    await podman.must('pod', 'create', '--name', 'pod', '--network', 'none', '--cgroup-parent', slice, ...infra);
    const id = await podman.must('run', '-d', '--pod', 'pod', image, 'sh', '-c', script);
    const [parent = ''] = await show(`libpod-${id}.scope`, 'Slice');
    assert.match(parent, /libpod_pod_[0-9a-f]{64}\.slice$/);
    assert.equal(parent.split('-')[0], slice.replace(/\.slice$/, ''));
    await podman.must('pod', 'rm', '-f', '-t', '0', 'pod');
    await until('the end of the scope', () => isGone(`libpod-${id}.scope`));
  });
});

describe('containerd with cgroups of systemd', { skip: whyNoUnits(containerdPrograms) }, () => {
  const undo = new AsyncDisposableStack();
  let home: EngineHome;
  let containerd: EngineDaemon;
  let slice: string;
  let mark: string;
  before(async () => {
    ({ name: slice, mark } = undo.use(openSlice()));
    home = undo.use(openEngineHome());
    containerd = undo.use(await openContainerd(home));
  });
  after(() => undo.disposeAsync());

  test('a task is a scope from start to end', async () => {
    const unit = `ctr-${mark}.scope`;
    const flags = [
      ...ctrRuntime(home),
      '--runc-systemd-cgroup',
      '--cgroup',
      `${slice}:ctr:${mark}`,
      '--memory-limit',
      String(64 * 2 ** 20),
    ];
    await containerd.must('run', '-d', ...flags, image, 'life', 'sh', '-c', script);
    assert.deepEqual(await show(unit, 'ActiveState', 'Slice', 'MemoryMax'), ['active', slice, String(64 * 2 ** 20)]);
    const seen = await containerd.must('task', 'exec', '--exec-id', 'e1', 'life', 'cat', '/proc/self/cgroup');
    assert.match(seen, new RegExp(`^0::/(${slice}/ctr-${mark}\\.scope)?$`));
    await containerd.must('task', 'pause', 'life');
    assert.match(await containerd.must('task', 'ls'), /PAUSED/);
    await containerd.must('task', 'resume', 'life');
    assert.match(await containerd.must('task', 'metrics', 'life'), new RegExp(String(64 * 2 ** 20)));
    await containerd.must('task', 'kill', '-s', 'TERM', 'life');
    await until('its end', async () => /STOPPED/.test(await containerd.must('task', 'ls')));
    assert.match((await containerd.run('task', 'delete', 'life')).stderr, /exit code 3\b/);
    await containerd.must('container', 'delete', 'life');
    await until('the end of the scope', () => isGone(unit));
  });
});

describe("Docker's daemon with cgroups of systemd", { skip: whyNoUnits(dockerPrograms) }, () => {
  const undo = new AsyncDisposableStack();
  let docker: EngineDaemon;
  let slice: string;
  before(async () => {
    slice = undo.use(openSlice()).name;
    docker = undo.use(await openDocker(undo.use(openEngineHome()), { driver: 'systemd', parent: slice }));
  });
  after(() => undo.disposeAsync());

  test('a container is a scope with its limits, which update changes', async () => {
    const limits = ['-m', '64m', '--cpus', '0.5', '--pids-limit', '33'];
    const id = await docker.must('run', '-d', '--name', 'life', '--network', 'none', ...limits, image, 'sh', '-c', script);
    const unit = `docker-${id}.scope`;
    const properties = (): Promise<string[]> => show(unit, 'ActiveState', 'Slice', 'MemoryMax', 'TasksMax', 'CPUQuotaPerSecUSec');
    assert.deepEqual(await properties(), ['active', slice, String(64 * 2 ** 20), '33', '500ms']);
    await docker.must('update', '--memory', '96m', '--memory-swap', '96m', '--cpus', '0.25', '--pids-limit', '44', 'life');
    assert.deepEqual(await properties(), ['active', slice, String(96 * 2 ** 20), '44', '250ms']);
    assert.equal(await docker.must('exec', 'life', 'cat', '/proc/self/cgroup'), '0::/');
    await docker.must('pause', 'life');
    await docker.must('unpause', 'life');
    await docker.must('stop', '-t', '20', 'life');
    assert.equal(await docker.must('inspect', '-f', '{{.State.ExitCode}}', 'life'), '3');
    await until('the end of the scope', () => isGone(unit));
    await docker.must('rm', 'life');
  });
});
