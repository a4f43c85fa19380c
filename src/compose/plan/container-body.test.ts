import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DockerCreateBody } from '#wire';
import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';
import { projectOf } from '../testing/project.ts';
import { planContainer } from './container-body.ts';

function body(service: ServiceConfig, more: Partial<Project> = {}): DockerCreateBody {
  const project = projectOf({ s: service }, more);
  return planContainer(project, 's', { service: 's', number: 2, hash: 'h', imageId: 'i', containers: { s: 'p-s-1', db: 'p-db-1' } });
}

describe('what a container is created from', () => {
  test('has the labels by which Compose knows it, beside its own', () =>
    assert.deepEqual(
      body({ image: 'x', labels: { own: '1' }, depends_on: { db: { condition: 'service_healthy', restart: true, required: true } } })
        .Labels,
      {
        own: '1',
        'com.docker.compose.project': 'p',
        'com.docker.compose.service': 's',
        'com.docker.compose.container-number': '2',
        'com.docker.compose.config-hash': 'h',
        'com.docker.compose.oneoff': 'False',
        'com.docker.compose.image': 'i',
        'com.docker.compose.depends_on': 'db:service_healthy:true',
        'com.docker.compose.project.working_dir': '/p',
        'com.docker.compose.project.config_files': '/p/c.yaml',
        'com.docker.compose.version': '2.40.3',
      },
    ));

  test('has its ports, exposed and published', () => {
    const { ExposedPorts, HostConfig } = body({
      expose: ['1-2/udp'],
      ports: [{ target: 80, published: '8080', host_ip: '127.0.0.1' }, { target: 80 }],
    });
    assert.deepEqual(Object.keys(ExposedPorts ?? {}), ['1/udp', '2/udp', '80/tcp']);
    assert.deepEqual(HostConfig?.PortBindings, {
      '80/tcp': [
        { HostIp: '127.0.0.1', HostPort: '8080' },
        { HostIp: '', HostPort: '' },
      ],
    });
  });

  test('has its limits, those of deploy first', () => {
    const { HostConfig = {} } = body({ cpus: 1, mem_limit: 5, deploy: { resources: { limits: { cpus: 0.5, memory: 9, pids: 3 } } } });
    assert.deepEqual([HostConfig.NanoCpus, HostConfig.Memory, HostConfig.PidsLimit], [5e8, 9, 3]);
  });

  test('restarts as deploy.restart_policy says, or else as restart does', () => {
    const policyOf = (service: ServiceConfig): unknown => body(service).HostConfig?.RestartPolicy;
    assert.deepEqual(policyOf({ restart: 'on-failure:3' }), { Name: 'on-failure', MaximumRetryCount: 3 });
    assert.deepEqual(policyOf({ restart: 'no', deploy: { restart_policy: { condition: 'any' } } }), {
      Name: 'always',
      MaximumRetryCount: 0,
    });
    const whole = { condition: 'on-failure', max_attempts: 3, delay: 5e9, window: 120e9 };
    assert.deepEqual(policyOf({ deploy: { restart_policy: whole } }), {
      Name: 'on-failure',
      MaximumRetryCount: 3,
      Delay: 5e9,
      Window: 120e9,
    });
    assert.throws(() => policyOf({ deploy: { restart_policy: { max_attempts: 3 } } }), {
      message: /services\.s\.deploy\.restart_policy\.max_attempts/,
    });
  });

  test('shares the namespaces of other services by their containers', () => {
    const { HostConfig = {} } = body({ network_mode: 'service:db', pid: 'service:db', volumes_from: ['db:ro'] });
    assert.deepEqual(
      [HostConfig.NetworkMode, HostConfig.PidMode, HostConfig.VolumesFrom],
      ['container:p-db-1', 'container:p-db-1', ['p-db-1:ro']],
    );
  });

  test('is in its networks under its name and aliases, the most wanted first', () => {
    const networks = { one: { name: 'p_one' }, two: { name: 'other' } };
    const { HostConfig, NetworkingConfig } = body(
      { networks: { one: null, two: { aliases: ['q'], priority: 5, ipv4_address: '10.0.0.9' } }, links: ['db:alias'] },
      { networks },
    );
    assert.equal(HostConfig?.NetworkMode, 'other');
    assert.deepEqual(NetworkingConfig?.EndpointsConfig, {
      other: { Aliases: ['s', 'q'], IPAMConfig: { IPv4Address: '10.0.0.9' }, Links: ['p-db-1:alias'] },
      p_one: { Aliases: ['s'], Links: ['p-db-1:alias'] },
    });
  });

  test('knows containers of others by their names and by those that it gives them', () => {
    const service: ServiceConfig = { external_links: ['other', 'other:alias'], links: ['db:sql'] };
    const links = ['p-db-1:sql', 'other:other', 'other:alias'];
    const inNetwork = body({ ...service, networks: { one: null } }, { networks: { one: { name: 'p_one' } } });
    assert.deepEqual(inNetwork.NetworkingConfig?.EndpointsConfig?.['p_one']?.Links, links);
    assert.deepEqual(body({ ...service, network_mode: 'bridge' }).HostConfig?.Links, links);
  });

  test('refuses by name what the engine lacks', () => {
    assert.throws(() => body({ models: { m: null } }), { kind: 'unimplemented', message: 'services.s.models is not supported' });
    assert.throws(() => body({ cpu_count: 2 }), { kind: 'unimplemented', message: 'services.s.cpu_count is not supported' });
    assert.throws(() => body({ secrets: [{ source: 'x' }] }, { secrets: { x: { external: true } } }), { kind: 'unimplemented' });
  });
});
