import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatSignal } from '#sys';
import { readinessProbe, requestOf, shutdownSignal, systemEnvironment } from './inits.ts';
import { planPreparations } from './preparations.ts';
import type { InitSystem } from './types.ts';

describe('shutting down', () => {
  const signals: readonly [InitSystem, string][] = [
    ['systemd', 'SIGRTMIN+3'],
    ['sysvinit', 'SIGPWR'],
    ['openrc', 'SIGTERM'],
    ['runit', 'SIGCONT'],
    ['s6', 'SIGTERM'],
    ['busybox', 'SIGUSR2'],
  ];
  for (const [init, name] of signals) it(`${init} takes ${name}`, () => assert.equal(formatSignal(shutdownSignal(init)), name));
});

describe('the end of a machine', () => {
  it('by reboot(2) tells a restart from a power-off and from a crash', () => {
    assert.deepEqual([1, 2, 9, 0].map(requestOf), ['reboot', 'poweroff', null, null]);
  });
});

describe('readiness', () => {
  const answers: readonly [InitSystem, string, string][] = [
    ['systemd', 'running\n', 'running'],
    ['systemd', 'degraded\n', 'degraded'],
    ['systemd', 'maintenance\n', 'degraded'],
    ['systemd', 'stopping\n', 'stopping'],
    ['systemd', 'starting\n', 'starting'],
    ['systemd', 'offline\n', 'starting'],
    ['systemd', '', 'starting'],
    ['systemd', 'constructor', 'starting'],
    ['sysvinit', 'N 2\n', 'running'],
    ['sysvinit', 'N S\n', 'starting'],
    ['sysvinit', 'unknown\n', 'starting'],
    ['sysvinit', '2 0\n', 'stopping'],
    ['openrc', 'default\n', 'running'],
    ['openrc', 'boot\n', 'starting'],
    ['runit', 'running\n', 'running'],
    ['runit', '', 'starting'],
    ['s6', 'running\n', 'running'],
    ['s6', '', 'starting'],
    ['s6', 'stopping\n', 'stopping'],
  ];
  for (const [init, stdout, state] of answers) {
    it(`${init} that answers ${JSON.stringify(stdout)} is ${state}`, () => assert.equal(readinessProbe(init)?.read(stdout), state));
  }

  it('cannot be asked of busybox and the unknown', () => {
    assert.deepEqual([readinessProbe('busybox'), readinessProbe(null)], [null, null]);
  });
});

describe('the environment of PID 1', () => {
  it('says that it is in a container', () => {
    assert.ok(systemEnvironment().includes('container=orlop'));
    assert.ok(systemEnvironment('xterm').includes('TERM=xterm'));
  });
});

describe('preparations', () => {
  const paths = (init: InitSystem | null, isFirstBoot = true): string[] =>
    planPreparations({ init, hostname: 'box', isFirstBoot }).map(({ path, mode }) => `${path} ${mode.toString(8)}`);

  it('give the machine its name, and each init what it needs', () => {
    assert.deepEqual(planPreparations({ init: null, hostname: 'box', isFirstBoot: true }), [
      { path: '/etc/hostname', content: 'box\n', mode: 0o644 },
    ]);
    assert.deepEqual(paths('systemd'), ['/etc/hostname 644', '/etc/machine-id 444']);
    assert.deepEqual(paths('runit'), ['/etc/hostname 644', '/etc/runit/stopit 100', '/etc/runit/reboot 0']);
  });

  it('are made once: afterwards the machine owns its files', () => {
    assert.deepEqual(paths('systemd', false), []);
  });
});
