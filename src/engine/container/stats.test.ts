import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostCpuNs, parseInterfaces } from './stats.ts';

test('the time of the host is the sum of what its processors did, steal and guests left out', () => {
  assert.equal(hostCpuNs('cpu  1 2 3 4 5 6 7 100 200 300\ncpu0 9 9 9 9 9 9 9 9 9 9\nintr 5\n'), 28 * 10_000_000);
});

test('counters of interfaces are told by name, the loopback is left out', () => {
  const head =
    'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes\n';
  const text = `${head}    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n  eth0:1226 13 1 2 0 0 0 0 806 9 3 4 0 0 0 0\n`;
  assert.deepEqual(parseInterfaces(text), {
    eth0: { rxBytes: 1226, rxPackets: 13, rxErrors: 1, rxDropped: 2, txBytes: 806, txPackets: 9, txErrors: 3, txDropped: 4 },
  });
});
