import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';
import { findProgram } from './engine-home.ts';

const image = 'busybox';
const docker = findProgram('docker');
const server = [image, 'nc', '-ll', '-p', '80', '-e', 'echo', 'hello'];

function whyNoPython(): string | false {
  try {
    execFileSync('python3', ['-c', 'import docker'], { stdio: 'ignore' });
    return false;
  } catch {
    return "Docker's library for Python is not installed (python3-docker)";
  }
}

describe("networks and ports for Docker's clients", {
  skip: whyNot() || (docker === null ? 'docker is not installed (docker.io or docker-cli)' : false),
}, () => {
  let engine: TestEngine;
  const run = (...args: string[]): Promise<Outcome> => runCommand(docker ?? 'docker', ['-H', engine.host, ...args]);
  const must = async (...args: string[]): Promise<string> => {
    const outcome = await run(...args);
    assert.equal(outcome.code, 0, `docker ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trimEnd();
  };
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    const ids = (await must('ps', '-aq')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await must('rm', '-f', ...ids);
    await must('network', 'prune', '-f');
  });

  test('docker network: create, list, show, connect, disconnect, remove', async () => {
    const id = await must(
      'network',
      'create',
      '--subnet',
      '10.216.0.0/24',
      '--label',
      'a=b',
      '-o',
      'com.docker.network.driver.mtu=1400',
      'mine',
    );
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.equal(await must('network', 'ls', '--filter', 'label=a', '--format', '{{.Name}} {{.Driver}} {{.Scope}}'), 'mine bridge local');
    assert.equal(await must('network', 'ls', '-q', '--no-trunc', '--filter', 'type=custom'), id);
    assert.equal(
      await must('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}} {{.Options}}', id.slice(0, 9)),
      '10.216.0.1 map[com.docker.network.driver.mtu:1400]',
    );
    await must('run', '-d', '--name', 'web', ...server);
    await must('network', 'connect', '--ip', '10.216.0.9', '--alias', 'www', 'mine', 'web');
    assert.equal(
      await must('network', 'inspect', '-f', '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}', 'mine'),
      'web 10.216.0.9/24',
    );
    assert.equal(await must('ps', '--filter', 'network=mine', '--format', '{{.Names}}'), 'web');
    const twice = await run('network', 'connect', 'mine', 'web');
    assert.deepEqual([twice.code, /endpoint with name web already exists in network mine/.test(twice.stderr)], [1, true]);
    const busy = await run('network', 'rm', 'mine');
    assert.deepEqual([busy.code, /network mine has active endpoints/.test(busy.stderr)], [1, true]);
    await must('network', 'disconnect', 'mine', 'web');
    assert.equal(await must('network', 'rm', 'mine'), 'mine');
    assert.match((await run('network', 'inspect', 'mine')).stderr, /network mine not found/);
    assert.match((await run('network', 'rm', 'bridge')).stderr, /pre-defined network/);
  });

  test('docker run in several networks, with ports of all kinds', async () => {
    await must('network', 'create', 'one');
    await must('network', 'create', 'two');
    const networks = ['--network', 'name=one,alias=first', '--network', 'name=two,gw-priority=5'];
    await must('run', '-d', '--name', 'web', ...networks, '-p', '127.0.0.1::80', '-p', '53/udp', '--expose', '90', ...server);
    assert.deepEqual(JSON.parse(await must('inspect', '-f', '{{json .NetworkSettings.Networks.two.GwPriority}}', 'web')), 5);
    assert.match(await must('port', 'web', '80'), /^127\.0\.0\.1:\d+$/);
    assert.match(await must('ps', '--format', '{{.Ports}}'), /90\/tcp, .*127\.0\.0\.1:\d+->80\/tcp/);
    assert.equal(
      await must('run', '--rm', '--network', 'one', image, 'sh', '-c', 'until nc first 80 </dev/null; do sleep 0.1; done'),
      'hello',
    );
    assert.equal(
      await must('run', '--rm', '--network', 'container:web', image, 'sh', '-c', 'until nc 127.0.0.1 80 </dev/null; do sleep 0.1; done'),
      'hello',
    );
    const missing = await run('run', '--rm', '--network', 'nowhere', image, 'true');
    assert.deepEqual(
      [
        missing.code,
        missing.stderr.startsWith('docker: Error response from daemon: failed to set up container networking: network nowhere not found'),
      ],
      [125, true],
    );
    assert.match(
      (await run('run', '--rm', '--network', 'host', '-p', '80:80', image, 'true')).stderr,
      /Published ports are discarded when using host network mode/,
    );
  });

  test('docker system prune takes networks with it', async () => {
    await must('network', 'create', 'unused');
    assert.match(await must('system', 'prune', '-f'), /Deleted Networks:\nunused\n/);
  });

  test('the library for Python', { skip: whyNoPython() }, async () => {
    const script = fileURLToPath(new URL('docker-networks.py', import.meta.url));
    const { code, stdout, stderr } = await runCommand('python3', [script, engine.host]);
    assert.deepEqual([code, stdout], [0, 'done\n'], stderr);
  });
});
