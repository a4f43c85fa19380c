import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerView } from '#wire';
import { createFakeEngine } from '../testing/fake-engine.ts';
import { formatStatus } from './status-text.ts';
import { inspectionOf, summaryOf } from './view.ts';

const second = 1_000_000_000n;

async function someView(change: Partial<ContainerView> = {}): Promise<ContainerView> {
  const engine = createFakeEngine();
  const { id } = await engine.containers.create({ kind: 'app', image: 'debian:trixie', name: 'box', command: ['sleep', '9'] });
  return { ...engine.containers.inspect(id), ...change };
}

test('states are told in Docker’s words', async () => {
  const at = 1000n * second;
  const status = async (change: Partial<ContainerView>): Promise<string> => formatStatus(await someView(change), at + 3n * second);
  assert.equal(await status({ status: 'created' }), 'Created');
  assert.equal(await status({ status: 'running', startedAtNs: at }), 'Up 3 seconds');
  assert.equal(await status({ status: 'paused', startedAtNs: at }), 'Up 3 seconds (Paused)');
  assert.equal(await status({ status: 'exited', exitCode: 7, finishedAtNs: at - 120n * second }), 'Exited (7) 2 minutes ago');
  const waiting = { status: 'exited', exitCode: 127, finishedAtNs: at - 120n * second, waitsForConnections: true } as const;
  assert.equal(await status({ ...waiting, exitCode: 0 }), 'Exited (0) 2 minutes ago (on demand)');
  assert.equal(await status({ ...waiting, error: 'no such program' }), 'Exited (127) 2 minutes ago (on demand; no such program)');
  assert.equal(await status({ status: 'running', startedAtNs: at + 60n * second }), 'Up Less than a second');
  assert.equal(await status({ status: 'dead' }), 'Dead');
});

test('times that have not come are Go’s zero time, and lists are null where Docker says null', async () => {
  const shown = inspectionOf(await someView(), 'overlay2');
  assert.equal(shown.State.StartedAt, '0001-01-01T00:00:00Z');
  assert.equal(shown.ExecIDs, null);
  assert.equal(shown.Config.Entrypoint, null);
  assert.deepEqual([shown.Path, shown.Args, shown.Name], ['sleep', ['9'], '/box']);
  assert.deepEqual(shown.Mounts, []);
  assert.equal(shown.HostConfig.CapAdd, null);
});

test('a system container carries its label, whatever its own say', async () => {
  const view = await someView({ kind: 'system', labels: { 'orlop.kind': 'app', own: '1' } });
  assert.deepEqual(summaryOf(view, 0n, '1.51').Labels, { 'orlop.kind': 'system', own: '1' });
  assert.equal(inspectionOf(view, 'overlay2').Config.Labels['orlop.kind'], 'system');
});

test('an address is shown under its network', async () => {
  const numbers = { address: '10.1.0.2', prefixLength: 16, gateway: '10.1.0.1', mac: '02:00:00:00:00:01' };
  const endpoint = { id: 'e', network: 'bridge', networkId: 'n', ...numbers, names: [], wishes: {} };
  const { NetworkSettings: shown } = inspectionOf(await someView({ endpoints: [endpoint], status: 'running', pid: 7 }), 'overlay2');
  assert.equal(shown.IPAddress, '10.1.0.2');
  assert.equal(shown.Networks['bridge']?.Gateway, '10.1.0.1');
  assert.equal(shown.SandboxKey, '/proc/7/ns/net');
});
