import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hashService } from '../model/print.ts';
import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';
import { containerOf, projectOf } from '../testing/project.ts';
import type { Observed, ObservedContainer } from './observed.ts';
import { planDown } from './down.ts';
import { labels } from './labels.ts';
import { formatPlan } from './steps.ts';
import type { UpOptions } from './planning.ts';
import { planUp } from './up.ts';

const nothing: Observed = { containers: [], networks: {}, volumes: {} };

const running = (service: string, config: ServiceConfig, number = 1, more: Partial<ObservedContainer> = {}): ObservedContainer =>
  containerOf(service, number, { hash: hashService(config), ...more });

const up = (project: Project, containers: readonly ObservedContainer[] = [], options: UpOptions = {}): string[] =>
  formatPlan(planUp(project, { ...nothing, containers }, options))
    .trim()
    .split('\n')
    .filter((line) => line !== '');

const a: ServiceConfig = { image: 'x' };
const b: ServiceConfig = { image: 'y', depends_on: { a: { condition: 'service_healthy', required: true } } };

const ofNetwork = (key: string, hash: string): Record<string, string> => ({
  [labels.project]: 'p',
  [labels.network]: key,
  [labels.hash]: hash,
});

describe('the plan of up', () => {
  test('makes networks and volumes, then containers, and waits where a dependency must be healthy', () =>
    assert.deepEqual(up(projectOf({ a, b }, { networks: { n: { name: 'p_n' } }, volumes: { v: { name: 'p_v' } } })), [
      'Network p_n  Creating',
      'Volume p_v  Creating',
      'Container p-a-1  Creating',
      'Container p-b-1  Creating',
      'Container p-a-1  Starting',
      'Service a  Waiting',
      'Container p-b-1  Starting',
    ]));

  test('is refused whole for what a service of it cannot have', () => {
    const secret: ServiceConfig = { image: 'y', secrets: [{ source: 's' }] };
    assert.throws(() => up(projectOf({ a, secret }, { secrets: { s: { external: true, name: 'outer' } } })), {
      kind: 'unimplemented',
      message: 'unsupported external secret outer',
    });
  });

  test('is empty when all is as wanted', () => assert.deepEqual(up(projectOf({ a }), [running('a', a)]), []));

  test('starts what is stopped', () =>
    assert.deepEqual(up(projectOf({ a }), [running('a', a, 1, { state: 'exited' })]), ['Container p-a-1  Starting']));

  test('replaces what has changed, with the old one until the new one is made', () =>
    assert.deepEqual(up(projectOf({ a }), [running('a', { image: 'old' })]), [
      'Container p-a-1  Renaming',
      'Container p-a-1  Creating',
      'Container a10000000000_p-a-1  Stopping',
      'Container p-a-1  Starting',
      'Container a10000000000_p-a-1  Removing',
    ]));

  test('keeps volumes without a name over a replacement, unless they are to be new', () => {
    const old = running('a', { image: 'old' }, 1, { anonymous: { '/data': 'v'.repeat(64) } });
    const inherited = (options: UpOptions): unknown =>
      planUp(projectOf({ a }), { ...nothing, containers: [old] }, options).steps.flatMap(({ act }) =>
        act.kind === 'create' ? [act.inherited] : [],
      )[0];
    assert.deepEqual(inherited({}), { '/data': 'v'.repeat(64) });
    assert.deepEqual(inherited({ renewVolumes: true }), {});
  });

  test('replaces a container whose image is another by now, and none when that is not wanted', () => {
    assert.notDeepEqual(up(projectOf({ a }), [running('a', a)], { imageIds: { a: 'j' } }), []);
    assert.deepEqual(up(projectOf({ a }), [running('a', a)], { imageIds: { a: 'j' }, noRecreate: true }), []);
  });

  test('replaces what shares a namespace with what is replaced, and restarts what says so', () => {
    const sharing: ServiceConfig = {
      image: 'y',
      network_mode: 'service:a',
      depends_on: { a: { condition: 'service_started', required: true } },
    };
    const following: ServiceConfig = { image: 'y', depends_on: { a: { condition: 'service_started', restart: true, required: true } } };
    const plan = up(projectOf({ a, s: sharing, f: following }), [
      running('a', { image: 'old' }),
      running('s', sharing),
      running('f', following),
    ]);
    assert.ok(plan.includes('Container p-s-1  Creating'), plan.join('\n'));
    assert.ok(plan.indexOf('Container p-f-1  Stopping') < plan.indexOf('Container p-f-1  Starting'), plan.join('\n'));
    assert.ok(plan.includes('Container p-f-1  Stopping'), plan.join('\n'));
  });

  test('goes on where a replacement was interrupted, wherever that was', () => {
    const aside = running('a', { image: 'old' }, 1, { name: 'a10000000000_p-a-1' });
    const fresh = running('a', a, 1, { id: 'new000000000', state: 'created' });
    assert.deepEqual(up(projectOf({ a }), [aside, fresh]).toSorted(), [
      'Container a10000000000_p-a-1  Removing',
      'Container a10000000000_p-a-1  Stopping',
      'Container p-a-1  Starting',
    ]);
    assert.ok(up(projectOf({ a }), [aside]).includes('Container p-a-1  Creating'));
  });

  test('keeps what is replaced to the end when it may be brought back', () => {
    const plan = up(projectOf({ a, b: a }), [running('a', { image: 'old' }), running('b', { image: 'old' })], { keepReplaced: true });
    assert.deepEqual(
      plan.slice(-2).map((line) => line.split('  ')[1]),
      ['Removing', 'Removing'],
    );
  });

  test('replaces so many at a time, waits between them, and keeps what may come back until all are there', () => {
    const config: ServiceConfig = {
      ...a,
      scale: 3,
      deploy: { update_config: { parallelism: 2, delay: 1e9, monitor: 2e9, failure_action: 'rollback' } },
    };
    const old = [1, 2, 3].map((number) => running('a', { image: 'old' }, number));
    const { steps } = planUp(projectOf({ a: config }), { ...nothing, containers: old });
    const after = (id: string): readonly string[] => steps.find((step) => step.id === id)?.after ?? [];
    assert.deepEqual(after('pause:a:1'), ['ready:p-a-1', 'ready:p-a-2']);
    assert.ok(after('start:p-a-3').includes('pause:a:1') && !after('start:p-a-2').includes('pause:a:1'));
    assert.ok(after('remove:a10000000000').includes('ready:p-a-3'));
    assert.deepEqual(
      steps.flatMap(({ act }) => (act.kind === 'wait' ? [act.monitor] : act.kind === 'pause' ? [act.duration] : [])),
      [2e9, 2e9, 1e9, 2e9],
    );
  });

  test('refuses by name what is no action upon a failure', () => {
    const of = (action: string): ServiceConfig => ({ ...a, deploy: { rollback_config: { failure_action: action } } });
    assert.throws(() => up(projectOf({ a: of('rollback') })), {
      message: /services\.a\.deploy\.rollback_config\.failure_action is "rollback"/,
    });
    assert.doesNotThrow(() => up(projectOf({ a: of('continue') })));
  });

  test('takes replicas away and adds them, with the lowest numbers that are free', () => {
    const three: ServiceConfig = { ...a, scale: 3 };
    const there = [running('a', three, 1), running('a', three, 3)];
    assert.deepEqual(up(projectOf({ a: three }), there), ['Container p-a-2  Creating', 'Container p-a-2  Starting']);
    assert.deepEqual(up(projectOf({ a: three }), there, { scale: { a: 1 } }), ['Container p-a-3  Stopping', 'Container p-a-3  Removing']);
  });

  test('tells of orphans, and removes them when asked', () => {
    const orphan = running('gone', a);
    assert.match(planUp(projectOf({ a }), { ...nothing, containers: [running('a', a), orphan] }).warnings[0] ?? '', /p-gone-1/);
    assert.deepEqual(up(projectOf({ a }), [running('a', a), orphan], { removeOrphans: true }), [
      'Container p-gone-1  Stopping',
      'Container p-gone-1  Removing',
    ]);
    assert.deepEqual(up(projectOf({ a }, { disabled: { gone: a } }), [running('a', a), orphan], { removeOrphans: true }), []);
  });

  test('replaces a network that changed, and the containers in it, which keep their volumes without a name', () => {
    const config: ServiceConfig = { ...a, networks: { n: null } };
    const project = projectOf({ a: config, b: a }, { networks: { n: { name: 'p_n', internal: true } } });
    const there = [running('a', config, 1, { networks: ['p_n'], anonymous: { '/v': 'v'.repeat(64) } }), running('b', a)];
    const plan = planUp(project, { ...nothing, containers: there, networks: { p_n: ofNetwork('n', 'other') } });
    assert.deepEqual(formatPlan(plan).trim().split('\n'), [
      'Container p-a-1  Stopping',
      'Container p-a-1  Removing',
      'Network p_n  Removing',
      'Network p_n  Creating',
      'Container p-a-1  Creating',
      'Container p-a-1  Starting',
    ]);
    assert.deepEqual(
      plan.steps.flatMap(({ act }) => (act.kind === 'create' ? [act.inherited] : [])),
      [{ '/v': 'v'.repeat(64) }],
    );
  });

  test('gives a container its name back that was set aside in vain', () =>
    assert.deepEqual(up(projectOf({ a }), [running('a', a, 1, { name: 'a10000000000_p-a-1' })]), ['Container p-a-1  Renaming']));

  test('leaves a network of this name alone that somebody else made', () => {
    const project = projectOf({ a }, { networks: { n: { name: 'p_n' } } });
    assert.throws(() => planUp(project, { ...nothing, networks: { p_n: {} } }), { code: 'COMPOSE_NOT_OURS', message: /incorrect label/ });
    assert.equal(formatPlan(planDown(project, { ...nothing, networks: { p_n: {} } })), '');
  });

  test('replaces a container when another volume stands behind a name of its own', () => {
    const config: ServiceConfig = { ...a, volumes: [{ type: 'volume', source: 'v', target: '/v' }] };
    const project = projectOf({ a: config }, { volumes: { v: { name: 'two' } } });
    const of = (name: string): string[] => up(project, [running('a', config, 1, { volumes: [name] })], {});
    assert.ok(of('one').includes('Container p-a-1  Creating'));
    assert.deepEqual(of('two'), ['Volume two  Creating']);
  });

  test('replaces with --force-recreate what is asked for, and what that depends on only when told so', () => {
    const there = [running('a', a), running('b', b)];
    const replaced = (options: UpOptions): string[] =>
      up(projectOf({ a, b }), there, { named: ['b'], ...options }).filter((line) => line.endsWith('Creating'));
    assert.deepEqual(replaced({ forceRecreate: true }), ['Container p-b-1  Creating']);
    assert.deepEqual(replaced({ recreateDependencies: true }), ['Container p-a-1  Creating']);
  });

  test('refuses networks that changed while strangers are in them, volumes that changed, and external ones that are missing', () => {
    const project = projectOf({ a }, { networks: { n: { name: 'p_n', internal: true } } });
    const other = { 'com.docker.compose.config-hash': 'other' };
    const there = { ...nothing, networks: { p_n: ofNetwork('n', 'other') }, containers: [running('gone', a, 1, { networks: ['p_n'] })] };
    assert.throws(() => planUp(project, there), { kind: 'failed-precondition', code: 'COMPOSE_CHANGED' });
    const withVolume = projectOf({ a }, { volumes: { v: { name: 'p_v', driver_opts: { a: 'b' } } } });
    assert.throws(() => planUp(withVolume, { ...nothing, volumes: { p_v: other } }), { code: 'COMPOSE_CHANGED' });
    assert.throws(() => planUp(projectOf({ a }, { networks: { n: { name: 'q', external: true } } }), nothing), {
      code: 'COMPOSE_NO_EXTERNAL',
    });
  });
});

test('a volume whose settings changed is replaced, with the containers of it, where that is asked for', () => {
  const service: ServiceConfig = { image: 'x' };
  const project = projectOf({ a: service }, { volumes: { v: { name: 'p_v', driver_opts: { a: 'b' } } } });
  const observed = {
    ...nothing,
    volumes: { p_v: { 'com.docker.compose.config-hash': 'other' } },
    containers: [running('a', service, 1, { volumes: ['p_v'] })],
  };
  const lines = formatPlan(planUp(project, observed, { replaceVolumes: true }))
    .trimEnd()
    .split('\n');
  const at = (line: string): number => lines.indexOf(line);
  const order = ['Container p-a-1  Removing', 'Volume p_v  Removing', 'Volume p_v  Creating', 'Container p-a-1  Creating'];
  assert.deepEqual(
    order.map(at),
    order.map(at).toSorted((a, b) => a - b),
  );
  assert.ok(at('Container p-a-1  Removing') >= 0);
});

test('a container that was run once for a service that is no more is an orphan; one of a service that there is, is none', () => {
  const project = projectOf({ a: { image: 'x' } });
  const once = (service: string): ObservedContainer => running(service, { image: 'x' }, 1, { oneOff: true, name: `p-${service}-run-1` });
  const { warnings } = planUp(project, { ...nothing, containers: [once('a'), once('gone')] });
  assert.deepEqual(
    warnings.map((warning) => /\((.*)\)/.exec(warning)?.[1]),
    ['p-gone-run-1'],
  );
});

describe('the plan of down', () => {
  test('leaves containers of profiles that are not asked for, and the networks that they are in', () => {
    const project = projectOf({ a }, { disabled: { b }, networks: { n: { name: 'p_n' } } });
    const containers = [running('a', a), running('b', b, 1, { networks: ['p_n'] })];
    const plan = planDown(project, { containers, networks: { p_n: ofNetwork('n', '') }, volumes: {} }, { removeOrphans: true });
    assert.deepEqual(formatPlan(plan).trim().split('\n'), ['Container p-a-1  Stopping', 'Container p-a-1  Removing']);
    assert.deepEqual(plan.warnings, ['Network p_n is still in use']);
  });

  test('stops what depends on others first, and removes networks last; volumes only when asked', () => {
    const project = projectOf({ a, b }, { networks: { n: { name: 'p_n' } }, volumes: { v: { name: 'p_v' } } });
    const observed = { containers: [running('a', a), running('b', b)], networks: { p_n: ofNetwork('n', '') }, volumes: { p_v: {} } };
    const lines = [
      'Container p-b-1  Stopping',
      'Container p-a-1  Stopping',
      'Container p-b-1  Removing',
      'Container p-a-1  Removing',
      'Network p_n  Removing',
    ];
    assert.deepEqual(formatPlan(planDown(project, observed)).trim().split('\n'), lines);
    assert.ok(formatPlan(planDown(project, observed, { volumes: true })).includes('Volume p_v  Removing'));
  });
});
