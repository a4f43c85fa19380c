import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createLogger } from '#log';
import { createHostResolvers, parseResolvers, usualPatience } from './host-resolvers.ts';

function open(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-resolvers-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'resolv.conf');
  const said: string[] = [];
  let time = 0;
  const logger = createLogger({ level: 'warn', sink: (line) => void said.push(line) });
  const resolvers = createHostResolvers({ logger, path, now: () => time });
  return {
    path,
    said,
    servers: () => resolvers().servers.map(({ address }) => address),
    later() {
      time += 1000;
      return this.servers();
    },
  };
}

test('the servers of the host are followed, and looked for at most once a second', (t) => {
  const host = open(t);
  writeFileSync(host.path, 'nameserver 10.0.0.1\n');
  assert.deepEqual(host.servers(), ['10.0.0.1']);
  writeFileSync(host.path, 'nameserver 10.0.0.2\nnameserver fe80::1%eth0\nnameserver nonsense\n');
  assert.deepEqual(host.servers(), ['10.0.0.1']);
  assert.deepEqual(host.later(), ['10.0.0.2', 'fe80::1%eth0']);
  writeFileSync(`${host.path}.new`, 'nameserver 10.0.0.3\n');
  renameSync(`${host.path}.new`, host.path);
  assert.deepEqual(host.later(), ['10.0.0.3']);
});

test('a link that leads elsewhere is noticed', (t) => {
  const host = open(t);
  for (const [name, server] of [
    ['one', '10.0.0.1'],
    ['two', '10.0.0.2'],
  ] as const) {
    writeFileSync(`${host.path}.${name}`, `nameserver ${server}\n`);
  }
  symlinkSync(`${host.path}.one`, host.path);
  assert.deepEqual(host.servers(), ['10.0.0.1']);
  unlinkSync(host.path);
  symlinkSync(`${host.path}.two`, host.path);
  assert.deepEqual(host.later(), ['10.0.0.2']);
});

test('a file that is gone or says nothing names nobody, which is told once', (t) => {
  const host = open(t);
  assert.deepEqual(host.servers(), []);
  assert.deepEqual(host.later(), []);
  writeFileSync(host.path, '');
  assert.deepEqual(host.later(), []);
  writeFileSync(host.path, '# still nothing\n');
  assert.deepEqual(host.later(), []);
  assert.equal(host.said.length, 1);
  writeFileSync(host.path, 'nameserver 10.0.0.1\n');
  assert.deepEqual(host.later(), ['10.0.0.1']);
  unlinkSync(host.path);
  assert.deepEqual(host.later(), []);
  assert.equal(host.said.length, 2);
  mkdirSync(host.path);
  assert.deepEqual(host.later(), []);
});

test('options say how patient to be, within reason', () => {
  const patience = (options: string) => {
    const { resolvers, rotates } = parseResolvers(`nameserver 10.0.0.1\noptions ${options}\n`);
    return [resolvers.timeoutMs, resolvers.attempts, rotates];
  };
  assert.deepEqual(patience('edns0'), [usualPatience.timeoutMs, usualPatience.attempts, false]);
  assert.deepEqual(patience('timeout:7 attempts:3 rotate'), [7000, 3, true]);
  assert.deepEqual(patience('timeout:0 attempts:0'), [1000, 1, false]);
  assert.deepEqual(patience('timeout:9999 attempts:9999'), [30_000, 5, false]);
  assert.deepEqual(patience('timeout:x attempts:-1'), [usualPatience.timeoutMs, usualPatience.attempts, false]);
});

test('rotating begins with another server each time', (t) => {
  const host = open(t);
  writeFileSync(host.path, 'nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions rotate\n');
  const begins = [host.servers()[0], host.servers()[0], host.servers()[0]];
  assert.deepEqual(new Set(begins).size, 2);
  assert.equal(begins[0], begins[2]);
});
