import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isAtLeast, kernelRelease } from '#sys';
import { runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';

const image = 'busybox';
const noDocker = spawnSync('docker', ['--version']).error === undefined ? false : 'docker is not installed (docker.io or docker-cli)';
const noDockerPy =
  spawnSync('python3', ['-c', 'import docker']).status === 0 ? false : 'there is no docker module for python3 (python3-docker)';

/** Other people's clients are the judges: they must not notice that another engine answers. */
describe('volumes of Docker’s clients', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('run', '--name', 'base', image, 'sh', '-c', 'mkdir /data; echo hello >/data/file');
    await engine.must('commit', '-c', 'VOLUME /data', 'base', 'filled');
    await engine.must('rm', 'base');
  });
  after(() => engine[Symbol.asyncDispose]());

  describe("docker's command line", { skip: noDocker }, () => {
    const docker = (...args: string[]): Promise<Outcome> => runCommand('docker', ['-H', engine.host, ...args]);
    const must = async (...args: string[]): Promise<string> => {
      const outcome = await docker(...args);
      assert.equal(outcome.code, 0, `docker ${args.join(' ')}: ${outcome.stderr}`);
      return outcome.stdout.trimEnd();
    };

    test('volume create, ls, inspect, rm', async () => {
      assert.equal(await must('volume', 'create', '--label', 'a=b', '--label', 'c', 'data'), 'data');
      assert.equal(await must('volume', 'create', 'data'), 'data');
      assert.match(await must('volume', 'ls'), /^DRIVER +VOLUME NAME\nlocal +data$/m);
      assert.equal(await must('volume', 'ls', '-q', '--filter', 'label=a=b', '--filter', 'dangling=true'), 'data');
      assert.equal(await must('volume', 'ls', '-q', '--filter', 'name=other'), '');
      const [shown] = JSON.parse(await must('volume', 'inspect', 'data')) as [Record<string, unknown>];
      const { CreatedAt: createdAt, ...rest } = shown;
      assert.match(String(createdAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      const Mountpoint = join(engine.dataRoot, 'volumes/data/_data');
      assert.deepEqual(rest, { Driver: 'local', Labels: { a: 'b', c: '' }, Mountpoint, Name: 'data', Options: null, Scope: 'local' });
      assert.equal(await must('volume', 'inspect', '--format', '{{.Mountpoint}}', 'data'), Mountpoint);
      assert.equal(await must('volume', 'rm', 'data'), 'data');
    });

    test('what is not there, in use or badly named is said in Docker’s words', async () => {
      assert.match((await docker('volume', 'inspect', 'nothing')).stderr, /no such volume/i);
      assert.match((await docker('volume', 'rm', 'nothing')).stderr, /no such volume/i);
      assert.equal((await docker('volume', 'rm', '-f', 'nothing')).code, 0);
      assert.match((await docker('volume', 'create', 'a/b')).stderr, /includes invalid characters for a local volume name/);
      assert.match((await docker('volume', 'create', '-d', 'cloud', 'x1')).stderr, /plugin "cloud" not found/);
      assert.match((await docker('volume', 'create', '-o', 'colour=red', 'x1')).stderr, /invalid option: "colour"/);
      await must('create', '--name', 'user', '-v', 'used:/d', image);
      assert.match((await docker('volume', 'rm', 'used')).stderr, /remove used: volume is in use - \[[0-9a-f]{64}\]/);
      await must('rm', 'user');
      await must('volume', 'rm', 'used');
    });

    test('prune removes what nobody uses, and what has a name only when it is asked to', async () => {
      const name = await must('volume', 'create', '--label', 'gone');
      assert.match(name, /^[0-9a-f]{64}$/);
      await must('volume', 'create', '--label', 'kept', 'kept');
      assert.match(
        await must('volume', 'prune', '-f', '--filter', 'label=gone'),
        new RegExp(`^Deleted Volumes:\n${name}\n\nTotal reclaimed space: `),
      );
      assert.equal(await must('volume', 'ls', '-q', '--filter', 'label=kept'), 'kept');
      await must('volume', 'rm', 'kept');
    });

    test('run -v, --mount, --volumes-from and --tmpfs', async () => {
      const host = join(engine.root, 'bound');
      mkdirSync(host);
      writeFileSync(join(host, 'file'), 'bound');
      const run = (...args: string[]): Promise<string> => must('run', '--rm', ...args);
      assert.equal(await run('-v', `${host}:/d`, image, 'sh', '-c', 'cat /d/file; touch /d/new'), 'bound');
      assert.ok(existsSync(join(host, 'new')));
      assert.equal(await run('-v', 'named:/data', 'filled', 'cat', '/data/file'), 'hello');
      assert.equal(await run('--mount', 'type=volume,source=named,target=/e,readonly', image, 'cat', '/e/file'), 'hello');
      assert.equal(await run('--mount', `type=bind,source=${host},target=/d,readonly`, image, 'cat', '/d/file'), 'bound');
      assert.match(
        (await docker('run', '--rm', '--mount', `type=bind,source=${host}/no,target=/d`, image)).stderr,
        /bind source path does not exist/,
      );
      assert.match(
        await run('--mount', 'type=tmpfs,target=/t,tmpfs-size=1048576,tmpfs-mode=1770', image, 'stat', '-c', '%a', '/t'),
        /^1770$/,
      );
      await must('create', '--name', 'giver', '-v', 'named:/given', image);
      assert.equal(await run('--volumes-from', 'giver:ro', image, 'cat', '/given/file'), 'hello');
      await must('rm', 'giver');
      assert.equal(await must('ps', '-a', '--filter', 'volume=named', '-q'), '');
      await must('volume', 'rm', 'named');
    });

    test('inspect shows mounts, and rm -v takes anonymous volumes along', async () => {
      await must('create', '--name', 'shown', '-v', '/own', '-v', 'named:/named:ro', 'filled');
      const mounts = JSON.parse(await must('inspect', '-f', '{{json .Mounts}}', 'shown')) as {
        Destination: string;
        Mode: string;
        RW: boolean;
        Name: string;
      }[];
      const shown = mounts.map(({ Destination, RW, Name }) => `${Destination} ${RW} ${/^[0-9a-f]{64}$/.test(Name)}`);
      assert.deepEqual(new Set(shown), new Set(['/data true true', '/named false false', '/own true true']));
      assert.equal(
        await must('inspect', '-f', '{{json .HostConfig.Binds}} {{json .Config.Volumes}}', 'shown'),
        '["named:/named:ro"] {"/data":{},"/own":{}}',
      );
      assert.match(
        await must('ps', '-a', '--format', '{{.Names}} {{.LocalVolumes}} {{.Mounts}}', '--no-trunc', '--filter', 'volume=named'),
        /^shown 3 .*named/,
      );
      await must('rm', '-v', 'shown');
      assert.equal(await must('volume', 'ls', '-q'), 'named');
      await must('volume', 'rm', 'named');
    });

    test('cp reaches the volumes of a container that does not run', {
      skip: !isAtLeast(kernelRelease(), 6, 15) && 'needs Linux 6.15',
    }, async () => {
      const host = join(engine.root, 'reached');
      mkdirSync(host);
      await must('create', '--name', 'still', '--read-only', '-v', 'reached:/data', '-v', `${host}:/made/for/it`, 'filled');
      assert.equal((await must('cp', 'still:/data/file', '-')).includes('hello'), true);
      writeFileSync(join(host, 'new'), 'new');
      await must('cp', join(host, 'new'), 'still:/data/copied');
      await must('cp', 'still:/data/copied', join(host, 'back'));
      await must('cp', join(host, 'new'), 'still:/made/for/it/second');
      assert.ok(existsSync(join(host, 'second')));
      assert.match((await docker('cp', join(host, 'new'), 'still:/etc')).stderr, /marked read-only/);
      assert.equal(await must('run', '--rm', '-v', 'reached:/d', image, 'cat', '/d/copied'), 'new');
      await must('rm', 'still');
      await must('volume', 'rm', 'reached');
    });

    test('system df counts volumes', async () => {
      await must('create', '--name', 'counted', '-v', 'counted:/data', 'filled');
      assert.match(await must('system', 'df'), /^Local Volumes +1 +1 +/m);
      assert.match(await must('system', 'df', '-v'), /^counted +1 +/m);
      await must('rm', 'counted');
      await must('volume', 'rm', 'counted');
    });

    test('events tell what happens to volumes', async () => {
      const since = String(Math.floor(Date.now() / 1000) - 1);
      await must('volume', 'create', 'told');
      await must('run', '--rm', '-v', 'told:/d', image, 'true');
      await must('volume', 'rm', 'told');
      const until = String(Math.ceil(Date.now() / 1000) + 1);
      const lines = await must(
        'events',
        '--since',
        since,
        '--until',
        until,
        '--filter',
        'type=volume',
        '--format',
        '{{.Action}} {{.Actor.ID}}',
      );
      assert.deepEqual(
        lines.split('\n').filter((line) => line.endsWith(' told')),
        ['create told', 'mount told', 'unmount told', 'destroy told'],
      );
    });
  });

  test('docker-py', { skip: noDockerPy }, async () => {
    const script = `
import docker, json, sys
from docker.types import Mount
client = docker.DockerClient(base_url=sys.argv[1])
volume = client.volumes.create('py', driver='local', labels={'a': 'b'})
assert volume.attrs['Labels'] == {'a': 'b'} and volume.attrs['Scope'] == 'local', volume.attrs
assert [v.name for v in client.volumes.list(filters={'label': 'a=b'})] == ['py']
said = client.containers.run('filled', 'cat /data/file', volumes={'py': {'bind': '/data', 'mode': 'rw'}}, remove=True)
assert said == b'hello\\n', said
said = client.containers.run('${image}', 'cat /e/file', mounts=[Mount('/e', 'py', type='volume', read_only=True)], remove=True)
assert said == b'hello\\n', said
said = client.containers.run('${image}', 'stat -c %a /t', mounts=[Mount('/t', None, type='tmpfs', tmpfs_size='1m', tmpfs_mode=0o711)], remove=True)
assert said == b'711\\n', said
box = client.containers.create('${image}', 'true', volumes=['py:/a:ro', '/anonymous'])
box.reload()
assert sorted((m['Type'], m['Destination'], m['RW']) for m in box.attrs['Mounts']) == [('volume', '/a', False), ('volume', '/anonymous', True)], box.attrs['Mounts']
try:
    volume.remove()
    raise AssertionError('removed in use')
except docker.errors.APIError as error:
    assert error.status_code == 409 and 'volume is in use' in error.explanation, error
box.remove(v=True)
assert client.df()['Volumes'][0]['UsageData']['RefCount'] == 0
volume.remove()
try:
    client.volumes.get('py')
    raise AssertionError('still there')
except docker.errors.NotFound as error:
    assert 'no such volume' in error.explanation, error
client.volumes.create(labels={'gone': ''})
pruned = client.volumes.prune(filters={'label': 'gone'})
assert len(pruned['VolumesDeleted']) == 1, pruned
print('well')
`;
    const outcome = await runCommand('python3', ['-c', script, engine.host]);
    assert.deepEqual(outcome, { code: 0, stdout: 'well\n', stderr: '' });
  });
});
