import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand, type Outcome } from '../system/harness.ts';
import { openEngineHome, runtimeProgram, whyNoEngine, type EngineHome } from './engine-home.ts';

describe('buildah on orlop-runtime', { skip: whyNoEngine({ buildah: 'buildah' }) }, () => {
  const undo = new AsyncDisposableStack();
  let home: EngineHome;
  let environment: Record<string, string>;
  const buildah = (...args: string[]): Promise<Outcome> => {
    const places = ['--root', join(home.directory, 'root'), '--runroot', join(home.directory, 'run')];
    return runCommand('buildah', [...places, ...args], { env: environment });
  };
  const must = async (...args: string[]): Promise<string> => {
    const outcome = await buildah(...args);
    assert.equal(outcome.code, 0, `buildah ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trimEnd();
  };
  const usual = (): string[] => [
    '--runtime',
    runtimeProgram,
    '--isolation',
    'oci',
    '--network',
    'none',
    '--cgroup-parent',
    `/${home.cgroupParent}`,
  ];

  before(() => {
    home = undo.use(openEngineHome());
    const places = `runroot = "${join(home.directory, 'run')}"\ngraphroot = "${join(home.directory, 'root')}"\n`;
    environment = {
      CONTAINERS_STORAGE_CONF: home.write('storage.conf', `[storage]\ndriver = "overlay"\n${places}`),
      CONTAINERS_CONF: home.write('containers.conf', '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'),
      CONTAINERS_REGISTRIES_CONF: home.write('registries.conf', ''),
      TMPDIR: home.directory,
    };
    undo.defer(async () => {
      await buildah('rm', '--all');
      await buildah('rmi', '--all', '--force');
    });
  });
  after(() => undo.disposeAsync());

  test('from scratch: copy, run, commit, and what was made is in the image', async () => {
    const container = await must('from', '--cgroup-parent', `/${home.cgroupParent}`, '--network', 'none', 'scratch');
    await must('copy', container, home.rootfs, '/');
    await must('config', '--env', 'PATH=/bin', container);
    const run = ['run', '--runtime', runtimeProgram, '--isolation', 'oci', container, '--'];
    assert.equal(await must(...run, 'sh', '-c', 'id -u; echo made >/made; hostname >/dev/null'), '0');
    assert.notEqual((await buildah(...run, 'sh', '-c', 'exit 3')).code, 0);
    assert.match((await buildah(...run, 'nothing-there')).stderr, /executable file not found in \$PATH/);
    await must('commit', container, 'made');
    const second = await must('from', '--cgroup-parent', `/${home.cgroupParent}`, '--network', 'none', 'made');
    assert.equal(await must('run', '--runtime', runtimeProgram, '--isolation', 'oci', second, '--', 'cat', '/made'), 'made');
  });

  test('a Dockerfile is built', async () => {
    const steps = [
      'FROM scratch',
      'COPY . /',
      'ENV PATH=/bin',
      'RUN echo one >/one',
      'USER 77:78',
      'WORKDIR /tmp',
      'RUN cat /one && id -u >two && pwd >>two',
    ];
    const file = home.write('Dockerfile', `${steps.join('\n')}\n`);
    await must('build', '--layers', ...usual(), '-f', file, '-t', 'built', home.rootfs);
    const container = await must('from', '--network', 'none', '--cgroup-parent', `/${home.cgroupParent}`, 'built');
    assert.equal(await must('run', '--runtime', runtimeProgram, '--isolation', 'oci', container, '--', 'cat', '/tmp/two'), '77\n/tmp');
  });
});
