import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ErrnoError, isErrno } from '#errors';
import type { Addon } from './addon.ts';
import { PR_SET_CHILD_SUBREAPER, rlimits } from './constants.ts';
import { loadAddon } from './load-addon.ts';
import { readProcessStat } from './procfs.ts';
import { signals } from './signals.ts';

const addon = loadAddon();
const waitReadable = (descriptor: number): Promise<void> => new Promise((resolve) => addon.whenReadable(descriptor, true, resolve));

function readAll(descriptor: number): string {
  let text = '';
  for (;;) {
    const { data } = addon.receiveDescriptors(descriptor, 4096, 0, 10_000);
    if (data.length === 0) return text;
    text += data.toString();
  }
}

/** Runs a shell script whose standard output is a socket, to its end. */
async function runShell(
  script: string,
  descriptors: (output: number) => number[],
  env: string[] = [],
): Promise<{ output: string; status: number }> {
  const [ours, theirs] = addon.socketPair();
  const child = addon.spawn('/bin/sh', ['sh', '-c', script], env, descriptors(theirs), true);
  addon.close(theirs);
  const output = readAll(ours);
  addon.close(ours);
  await waitReadable(child.pidfd);
  const end = addon.reap(child.pidfd);
  addon.close(child.pidfd);
  assert.ok(end !== null);
  return { output, status: end.status };
}

test('a child has exactly the listed descriptors, at their places', async () => {
  const data = addon.memfd('given', Buffer.from('from a memfd'));
  const { output, status } = await runShell('cat <&5; echo; ls /proc/$$/fd | tr "\\n" " "; test -c /dev/fd/0 && exit 3', (out) => [
    -1,
    out,
    2,
    -1,
    -1,
    data,
  ]);
  addon.close(data);
  assert.equal(output, 'from a memfd\n0 1 2 3 4 5 ');
  assert.equal(status, 3 << 8);
});

test('a blocking wait ends with the first descriptor that is readable or hung up, with its time, and with a signal', async () => {
  const [[quiet, held], [ours, theirs]] = [addon.socketPair(), addon.socketPair()];
  assert.equal(addon.pollReadable([quiet, ours], 10), false);
  addon.close(theirs);
  assert.equal(addon.pollReadable([quiet, ours], -1), true);
  const signalled = new Promise((resolve) => process.once('SIGCONT', resolve));
  const child = addon.spawn('/bin/sh', ['sh', '-c', `sleep 0.1; kill -CONT ${process.pid}`], [], [-1, -1, -1], false);
  assert.equal(addon.pollReadable([quiet], 30_000), false);
  await signalled;
  assert.equal(addon.pollReadable([child.pidfd], 30_000), true);
  assert.equal(addon.reap(child.pidfd)?.status, 0);
  for (const descriptor of [quiet, held, ours, child.pidfd]) addon.close(descriptor);
  assert.throws(() => addon.pollReadable([1, 2], 'soon' as unknown as number), TypeError);
});

test('sources and places may overlap in any permutation', async () => {
  const files = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((text) => addon.memfd(text, Buffer.from(text)));
  // Descriptor numbers are what the machine gave: whichever lie below the count collide with places.
  const low = [...files].reverse();
  const { output } = await runShell('for i in 3 4 5 6 7 8 9; do cat <&$i; done', (out) => [-1, out, 2, ...low.slice(0, 7)]);
  for (const file of files) addon.close(file);
  assert.equal(output, 'hgfedcb');
});

test("low descriptors may be given at each other's places", async () => {
  const script = 'links=$(cd /proc/$$/fd && readlink 0 1 3 4); echo "$links" >&2';
  const { output } = await runShell(script, (out) => [2, 0, out, 1, 2]);
  const link = (descriptor: number): string => readlinkSync(`/proc/self/fd/${descriptor}`);
  assert.equal(output, [2, 0, 1, 2].map((descriptor) => `${link(descriptor)}\n`).join(''));
});

test('environment, session and signals are fresh', async () => {
  process.on('SIGUSR2', () => undefined);
  const { output } = await runShell(
    'env; grep -E "^Sig(Blk|Ign)" /proc/self/status; cut -d" " -f1,6 /proc/$$/stat',
    (out) => [-1, out, 2],
    ['A=1', 'B=ä ö'],
  );
  process.removeAllListeners('SIGUSR2');
  assert.match(output, /^A=1$/m);
  assert.match(output, /^B=ä ö$/m);
  for (const set of ['SigBlk', 'SigIgn']) assert.match(output, new RegExp(`^${set}:\\t0+$`, 'm'));
  assert.match(output, /^([0-9]+) \1$/m, 'it leads its own session');
});

test('a program that cannot run fails by name, and nothing is left', () => {
  const before = readdirSync('/proc/self/fd').length;
  for (const [file, errno] of [
    ['/no/such/program', 'ENOENT'],
    ['/etc/passwd', 'EACCES'],
    ['/tmp', 'EACCES'],
  ] as const) {
    assert.throws(
      () => addon.spawn(file, ['x'], [], [-1, -1, -1], false),
      (error) => error instanceof ErrnoError && isErrno(error, errno) && error.path === file && error.syscall === 'posix_spawn',
    );
  }
  assert.throws(
    () => addon.spawn('/bin/true', ['true'], [], [999_999], false),
    (error) => isErrno(error, 'EBADF'),
  );
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('a killed child tells its signal; a running or foreign one tells nothing', async () => {
  const child = addon.spawn('/bin/sleep', ['sleep', '1000'], [], [-1, -1, -1], false);
  assert.equal(addon.reap(child.pidfd), null);
  assert.equal(readProcessStat(child.pid).parent, process.pid);
  addon.pidfdSendSignal(child.pidfd, signals.SIGTERM);
  await waitReadable(child.pidfd);
  assert.deepEqual(addon.reap(child.pidfd), { status: signals.SIGTERM });
  assert.equal(addon.reap(child.pidfd), null);
  assert.throws(
    () => addon.pidfdSendSignal(child.pidfd, 0),
    (error) => isErrno(error, 'ESRCH'),
  );
  assert.throws(
    () => addon.pidfdOpen(child.pid),
    (error) => isErrno(error, 'ESRCH'),
  );
  addon.close(child.pidfd);
  const init = addon.pidfdOpen(1);
  assert.equal(addon.reap(init), null);
  addon.close(init);
});

test('a watch is called once, survives a close of its descriptor, and never after cancel', async () => {
  const [ours, theirs] = addon.socketPair();
  let calls = 0;
  const cancelled = addon.whenReadable(ours, false, () => assert.fail('cancelled'));
  const twice = [addon.whenReadable(ours, false, () => calls++), addon.whenReadable(ours, false, () => calls++)];
  cancelled.cancel();
  cancelled.cancel();
  addon.sendDescriptors(theirs, Buffer.from('x'), []);
  await waitReadable(ours);
  assert.equal(calls, 2);
  for (const watch of twice) watch.cancel();
  addon.receiveDescriptors(ours, 10, 0, 0);
  const hungUp = waitReadable(ours);
  addon.close(ours);
  addon.close(theirs);
  await hungUp;
});

test('many watches at once each get their own event', async () => {
  const pairs = Array.from({ length: 200 }, () => addon.socketPair());
  const seen: number[] = [];
  const all = pairs.map(
    ([ours], index) => new Promise<void>((resolve) => addon.whenReadable(ours, true, () => resolve(void seen.push(index)))),
  );
  for (const [, theirs] of pairs.toReversed()) addon.sendDescriptors(theirs, Buffer.from('x'), []);
  await Promise.all(all);
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    pairs.map((_, index) => index),
  );
  for (const descriptor of pairs.flat()) addon.close(descriptor);
});

test('what cannot be watched fails by name', () => {
  assert.throws(
    () => addon.whenReadable(999_999, false, () => undefined),
    (error) => isErrno(error, 'EBADF'),
  );
  const file = addon.openat2(-100, '/etc/passwd', 0, 0, 0);
  assert.throws(
    () => addon.whenReadable(file, false, () => undefined),
    (error) => isErrno(error, 'EPERM'),
  );
  addon.close(file);
});

test('wrong types are TypeErrors, and paths with NUL or without end are refused', () => {
  const loose = addon as unknown as Record<keyof Addon, (...args: unknown[]) => unknown>;
  assert.throws(() => loose.openat2('x', '/', 0, 0, 0), TypeError);
  assert.throws(() => loose.openat2(-100, 7, 0, 0, 0), TypeError);
  assert.throws(() => loose.mkdirat(), TypeError);
  assert.throws(() => loose.spawn('/bin/true', 'true', [], [], false), TypeError);
  assert.throws(() => loose.spawn('/bin/true', [1], [], [], false), TypeError);
  assert.throws(() => loose.memfd('x', 'not bytes'), TypeError);
  assert.throws(() => loose.mountSetattr(0, '', 0, 1, 0n, 0n, -1), TypeError);
  assert.throws(
    () => addon.mkdirat(-100, 'a\0b', 0),
    (error) => isErrno(error, 'EINVAL'),
  );
  assert.throws(
    () => addon.spawn('/bin/true', ['a\0b'], [], [], false),
    (error) => isErrno(error, 'EINVAL'),
  );
  assert.throws(
    () => addon.mkdirat(-100, 'x/'.repeat(3000), 0),
    (error) => isErrno(error, 'ENAMETOOLONG'),
  );
});

test('limits, umask and process control are those of this process', () => {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const { soft, hard } = addon.getrlimit(rlimits.RLIMIT_NOFILE);
  assert.match(limits, new RegExp(`^Max open files +${soft} +${hard} `, 'm'));
  const before = addon.umask(0o027);
  assert.equal(addon.umask(before), 0o027);
  addon.prctl(PR_SET_CHILD_SUBREAPER, 0);
  assert.throws(
    () => addon.prctl(123_456, 0),
    (error) => isErrno(error, 'EINVAL'),
  );
});

test('what is made with other ids belongs to them, with our rights, and afterwards all is as before', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-ids-'));
  const before = readFileSync('/proc/thread-self/status', 'utf8');
  try {
    const value = addon.withFsIds(1234, 5678, () => {
      // Root's directory, which only root's rights let others write to.
      writeFileSync(join(folder, 'made'), '');
      return 'value';
    });
    assert.equal(value, 'value');
    const { uid, gid } = statSync(join(folder, 'made'));
    assert.deepEqual([uid, gid], [1234, 5678]);
    assert.throws(() => addon.withFsIds(1, 1, () => assert.fail('told')), /told/);
    const marks = (text: string): string[] => text.split('\n').filter((line) => /^(Uid|Gid|Cap\w+):/.test(line));
    assert.deepEqual(marks(readFileSync('/proc/thread-self/status', 'utf8')), marks(before));
    assert.equal(addon.prctl(27, 0), 0, 'securebits (PR_GET_SECUREBITS) are as they were');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
