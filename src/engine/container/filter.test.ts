import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { containerViewWith } from '../fixtures/records.ts';
import type { ContainerFilter, ContainerId, ContainerView } from '../model.ts';
import { filterContainers } from './filter.ts';

function view(name: string, createdAtNs: bigint, change: Partial<ContainerView> = {}): ContainerView {
  return containerViewWith({ id: `${name}00`.padEnd(64, '0') as ContainerId, name, createdAtNs, ...change });
}

const views = [
  view('a1', 1n, {
    status: 'running',
    labels: { tier: 'front', empty: '' },
    endpoints: [{ id: 'e', network: 'none', networkId: 'n0', names: [], wishes: {} }],
    exposedPorts: ['443/tcp'],
    publishedPorts: [{ containerPort: 53, protocol: 'udp', hostAddress: '::', hostPort: 5353 }],
  }),
  view('b2', 2n, { status: 'exited', exitCode: 3, labels: { tier: 'back' } }),
  view('c3', 3n, {
    status: 'created',
    kind: 'system',
    imageName: 'debian:trixie',
    imageId: `sha256:${'ab'.repeat(32)}`,
    mounts: [
      { type: 'volume', name: 'data', source: '/volumes/data', target: '/anonymous', mode: '', writable: true, propagation: '' },
      { type: 'bind', source: '/host', target: '/b', mode: '', writable: true, propagation: '' },
    ],
  }),
  view('d4', 4n, { status: 'paused', imageName: 'registry.example:5000/team/app' }),
  view('b5', 5n, { status: 'exited', exitCode: 0, labels: { tier: 'back', 'com.example/a=b': 'c' } }),
];

function names(filter: ContainerFilter, from: readonly ContainerView[] = views): string[] {
  return filterContainers(from, filter).map((found) => found.name);
}

describe('which states are shown', () => {
  const cases: readonly [what: string, filter: ContainerFilter, shown: string[]][] = [
    ['only what has a process, newest first', {}, ['d4', 'a1']],
    ['all on request', { all: true }, ['b5', 'd4', 'c3', 'b2', 'a1']],
    ['the newest few, whatever their state', { limit: 2 }, ['b5', 'd4']],
    ['more than there are', { limit: 9 }, ['b5', 'd4', 'c3', 'b2', 'a1']],
    ['a limit counts after the other filters', { limit: 1, filters: { label: ['tier=back'] } }, ['b5']],
    ['a state that is asked for', { filters: { status: ['exited'] } }, ['b5', 'b2']],
    ['several states', { filters: { status: ['created', 'paused'] } }, ['d4', 'c3']],
    ['an exit code that is asked for', { filters: { exited: ['3'] } }, ['b2']],
    ['several exit codes', { filters: { exited: ['3', '0'] } }, ['b5', 'b2']],
  ];
  for (const [what, filter, shown] of cases) test(what, () => assert.deepEqual(names(filter), shown));

  test('of several made in the same instant the last comes first', () => {
    const twins = ['one', 'two', 'six'].map((name) => view(name, 1n, { status: 'running' }));
    assert.deepEqual(names({}, twins), ['six', 'two', 'one']);
  });

  test('the list that is given stays as it is', () => {
    const given = [...views];
    filterContainers(given, { all: true });
    assert.deepEqual(given, views);
  });
});

describe('filters', () => {
  const cases: readonly [filter: string, values: string[], shown: string[]][] = [
    ['id', ['b5'], ['b5']],
    ['id', ['b5', 'a1'], ['b5', 'a1']],
    ['id', ['5'], []],
    ['volume', ['data'], ['c3']],
    ['volume', ['/host', '/anonymous'], ['c3']],
    ['volume', ['dat'], []],
    ['name', ['b'], ['b5', 'b2']],
    ['name', ['^/b2$'], ['b2']],
    ['name', ['^b2$', '^a'], ['b2', 'a1']],
    ['name', ['^2'], []],
    ['kind', ['system'], ['c3']],
    ['kind', ['system', 'app'], ['b5', 'd4', 'c3', 'b2', 'a1']],
    ['label', ['tier'], ['b5', 'b2', 'a1']],
    ['label', ['tier=back'], ['b5', 'b2']],
    ['label', ['tier', 'empty'], ['a1']],
    ['label', ['empty='], ['a1']],
    ['label', ['empty=x'], []],
    ['label', ['toString'], []],
    ['label', ['constructor'], []],
    ['network', ['none'], ['a1']],
    ['network', ['n0'], ['a1']],
    ['publish', ['5353/udp'], ['a1']],
    ['publish', ['1', '5000-6000/udp'], ['a1']],
    ['publish', ['5353'], []],
    ['publish', ['53/udp'], []],
    ['expose', ['53/udp'], ['a1']],
    ['expose', ['400-500'], ['a1']],
    ['expose', ['443/udp'], []],
    ['ancestor', ['busybox'], ['b5', 'b2', 'a1']],
    ['ancestor', ['busybox:latest'], ['b5', 'b2', 'a1']],
    ['ancestor', ['busybox:1'], []],
    ['ancestor', ['debian:trixie'], ['c3']],
    ['ancestor', ['debian'], []],
    ['ancestor', ['registry.example:5000/team/app:latest'], ['d4']],
    ['ancestor', ['sha256:abab'], ['c3']],
    ['ancestor', ['ababab'], ['c3']],
    ['ancestor', ['aba'], []],
    ['before', ['c3'], ['b2', 'a1']],
    ['since', ['c3'], ['b5', 'd4']],
    ['since', ['d400'], ['b5']],
    ['before', ['a1'], []],
  ];
  for (const [name, values, shown] of cases) {
    test(`${name}=${values.join(' or ')} shows ${shown.join(', ') || 'none'}`, () => {
      assert.deepEqual(names({ all: true, filters: { [name]: values } }), shown);
    });
  }

  test('different filters add up', () => {
    assert.deepEqual(names({ all: true, filters: { label: ['tier'], since: ['a1'], before: ['b5'] } }), ['b2']);
  });

  test('a filter without values keeps nothing, but for labels, which all hold', () => {
    assert.deepEqual(names({ all: true, filters: { name: [] } }), []);
    assert.equal(names({ all: true, filters: { label: [] } }).length, views.length);
  });
});

describe('filters that cannot be', () => {
  const cases: readonly [filters: Record<string, string[]>, kind: 'invalid-argument' | 'not-found', message: RegExp][] = [
    [{ colour: ['red'] }, 'invalid-argument', /^invalid filter 'colour'$/],
    [{ constructor: ['x'] }, 'invalid-argument', /^invalid filter 'constructor'$/],
    [{ status: ['running', 'asleep'] }, 'invalid-argument', /^invalid filter 'status=asleep'$/],
    [{ name: ['('] }, 'invalid-argument', /^invalid name filter '\('$/],
    [{ publish: ['80/icmp'] }, 'invalid-argument', /^invalid filter 'publish=80\/icmp'$/],
    [{ expose: ['9-8'] }, 'invalid-argument', /^invalid filter 'expose=9-8'$/],
    [{ before: ['nobody'] }, 'not-found', /^No such container: nobody$/],
    [{ since: ['a1', 'nobody'] }, 'not-found', /^No such container: nobody$/],
  ];
  for (const [filters, kind, message] of cases) {
    test(`${JSON.stringify(filters)} is ${kind}`, () => {
      assert.throws(
        () => filterContainers(views, { filters }),
        (error: unknown) => isOrlopError(error, kind) && message.test(error.message),
      );
    });
  }
});
