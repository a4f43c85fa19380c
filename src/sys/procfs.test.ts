import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { isErrno, isOrlopError } from '#errors';
import {
  childrenOf,
  commandLine,
  isAlive,
  namespaceId,
  parseProcessCgroups,
  parseProcessStat,
  readProcessCgroups,
  readProcessStat,
  readProcessStatus,
} from './procfs.ts';

const tail = 'S 1 42 40 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0';

test('a command may hold spaces, parentheses and newlines', () => {
  const stat = parseProcessStat(`42 (a) R 9 (b\n) ${tail}\n`);
  assert.deepEqual(stat, { pid: 42, command: 'a) R 9 (b\n', state: 'S', parent: 1, processGroup: 42, session: 40, startTicks: 987654 });
});

test('hostile stat text is refused, never half read', () => {
  for (const text of ['', '42', '42 (x', `42 (x) ${tail.slice(0, 30)}`, `x (y) ${tail}`, '42 (x) ']) {
    assert.throws(
      () => parseProcessStat(text),
      (error) => isOrlopError(error, 'internal'),
      text,
    );
  }
  fc.assert(fc.property(fc.string(), (command) => assert.equal(parseProcessStat(`7 (${command}) ${tail}`).command, command)));
});

test('this process is found, and another start time is another process', () => {
  const stat = readProcessStat(process.pid);
  assert.equal(stat.parent, process.ppid);
  assert.equal(isAlive(process.pid, stat.startTicks), true);
  assert.equal(isAlive(process.pid, stat.startTicks + 1), false);
  assert.equal(readProcessStatus(process.pid).get('Pid'), String(process.pid));
});

test('a child is listed with its command line until it has ended', async () => {
  const child = spawn('cat', ['-', 'a b', ''], { stdio: ['pipe', 'ignore', 'ignore'] });
  const pid = child.pid ?? 0;
  assert.ok(childrenOf(process.pid).includes(pid));
  assert.deepEqual(commandLine(pid), ['cat', '-', 'a b', '']);
  child.stdin.end();
  await once(child, 'exit');
  assert.equal(isAlive(pid), false);
  assert.deepEqual(childrenOf(pid), []);
  assert.throws(
    () => readProcessStat(pid),
    (error) => isErrno(error, 'ENOENT', 'ESRCH'),
  );
});

test('namespaces have ids', () => {
  assert.ok(namespaceId('self', 'net') > 0);
  assert.equal(namespaceId('self', 'user'), namespaceId(process.pid, 'user'));
});

test('cgroup paths are read by hierarchy', () => {
  const paths = parseProcessCgroups('12:cpu,cpuacct:/a:b\n1:name=systemd:/s\n0::/x/y\nnonsense\n');
  assert.deepEqual(
    [...paths],
    [
      ['cpu,cpuacct', '/a:b'],
      ['name=systemd', '/s'],
      ['', '/x/y'],
    ],
  );
  assert.ok(readProcessCgroups('self').size > 0);
});
