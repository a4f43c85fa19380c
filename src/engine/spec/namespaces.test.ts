import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { requestWith } from '../fixtures/records.ts';
import type { CreateRequest } from '../model.ts';
import { checkNamespaces, planNamespaces } from './namespaces.ts';

const shared = (request: Partial<CreateRequest>, network = 'bridge'): string[] =>
  [...planNamespaces({ network, request: requestWith(request) }).shared].toSorted();

describe('namespaces', () => {
  const cases: readonly [what: string, request: Partial<CreateRequest>, network: string, names: string[]][] = [
    ['are all its own', {}, 'bridge', []],
    ['of the host bring its users', { pidNamespace: 'host' }, 'bridge', ['pid', 'user']],
    ['of the host bring its users once', { ipcNamespace: 'host', cgroupNamespace: 'host' }, 'host', ['cgroup', 'ipc', 'net', 'user']],
    ['of names alone do not', { utsNamespace: 'host' }, 'bridge', ['uts']],
    ['of who is privileged are its own but for the users', { privileged: true }, 'bridge', ['user']],
    ['of who is privileged can all be its own', { privileged: true, userNamespace: 'auto' }, 'bridge', []],
    ['that are asked for as private are its own', { ipcNamespace: 'shareable', cgroupNamespace: 'private' }, 'none', []],
  ];
  for (const [what, request, network, names] of cases) test(what, () => assert.deepEqual(shared(request, network), names));

  test('of other containers are told by id', () => {
    const { joined } = planNamespaces({
      network: 'container:a',
      request: requestWith({ pidNamespace: 'container:b', ipcNamespace: 'none' }),
    });
    assert.deepEqual(
      [...joined],
      [
        ['net', 'a'],
        ['pid', 'b'],
      ],
    );
  });
});

describe('what does not go together', () => {
  const conflicts: readonly [request: Partial<CreateRequest>, network: string, message: string | RegExp][] = [
    [{ utsNamespace: 'host', hostname: 'x' }, 'bridge', 'conflicting options: hostname and the UTS mode'],
    [{ utsNamespace: 'host', domainname: 'x' }, 'bridge', 'conflicting options: domainname and the UTS mode'],
    [{ userNamespace: 'auto' }, 'host', /^cannot share the host's network namespace/],
    [{ userNamespace: 'auto', pidNamespace: 'host' }, 'bridge', /^cannot share the host's PID namespace/],
    [{ kind: 'system', pidNamespace: 'host' }, 'bridge', 'a system container has a PID namespace of its own'],
    [{ kind: 'system' }, 'host', 'a system container has a network namespace of its own'],
    [{ kind: 'system', ipcNamespace: 'container:x' }, 'bridge', 'a system container has namespaces of its own'],
  ];
  for (const [request, network, message] of conflicts)
    test(`is refused: ${String(message)}`, () =>
      assert.throws(() => checkNamespaces(requestWith(request), network), { kind: 'invalid-argument', message }));

  test('and what does is fine', () => {
    checkNamespaces(requestWith({ utsNamespace: 'host', pidNamespace: 'host', privileged: true }), 'host');
    checkNamespaces(requestWith({ kind: 'system', privileged: true }), 'host');
  });
});
