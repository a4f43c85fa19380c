import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, fstatSync, linkSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { loadAddon } from '#sys';
import { projectRoot, runCommand, whyNot } from './harness.ts';
import { assertNothingLeft, marksOf } from './leaks.ts';

interface Service {
  readonly root: string;
  readonly socket: string;
  readonly child: ChildProcess;
  /** The next thing that the engine tells its service manager. */
  told(): string;
  said(): string;
}

/** Starts an engine as systemd would: its socket open as descriptor 3, a socket for notifications, and its standard error known as the journal. */
function startService(t: TestContext, flags: readonly string[], listener: number): Service {
  const addon = loadAddon();
  const root = mkdtempSync(join(tmpdir(), 'orlop-service-'));
  const notifications = addon.bindDatagram(join(root, 'notify'));
  const journal = openSync(join(root, 'journal'), 'w');
  const { dev, ino } = fstatSync(journal);
  const roots = ['--data-root', join(root, 'data'), '--exec-root', join(root, 'exec'), '--config-file', '/dev/null'];
  const env = { ...process.env, LISTEN_FDS: '1', NOTIFY_SOCKET: join(root, 'notify'), JOURNAL_STREAM: `${dev}:${ino}` };
  // Only the process itself knows the id that the sockets are for.
  const child = spawn('/bin/sh', ['-c', 'LISTEN_PID=$$ exec "$0" "$@"', join(projectRoot, 'bin/orlopd'), ...roots, ...flags], {
    stdio: ['ignore', 'ignore', journal, listener],
    env,
  });
  closeSync(journal);
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    addon.close(notifications);
    await assertNothingLeft(marksOf(root, join(root, 'data')));
    rmSync(root, { recursive: true });
  });
  return {
    root,
    socket: join(root, 'socket'),
    child,
    told: () => addon.receiveDescriptors(notifications, 4096, 0, 20_000).data.toString(),
    said: () => readFileSync(join(root, 'journal'), 'utf8'),
  };
}

/** A socket that listens, for somebody else to accept from. */
interface Listener {
  readonly descriptor: number;
  /** Once who is to have it has it: who connects then does not come to us. */
  leave(): void;
}

async function listenAt(where: { path: string } | { port: number; host: string }): Promise<Listener> {
  // Node removes the name that it gave to a socket; another name of the same stays.
  const server = createServer().listen('path' in where ? { path: `${where.path}.ours` } : where);
  await once(server, 'listening');
  if ('path' in where) linkSync(`${where.path}.ours`, where.path);
  return {
    descriptor: (server as unknown as { _handle: { fd: number } })._handle.fd,
    leave: () => void server.close(),
  };
}

describe('an engine under a service manager', { skip: whyNot() }, () => {
  test('serves the socket that it was given, says when it is ready and when it stops, and logs for the journal', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-listen-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'orlop.sock');
    const listener = await listenAt({ path });
    chmodSync(path, 0o640);
    const service = startService(t, ['-H', 'fd://'], listener.descriptor);
    listener.leave();
    assert.equal(service.told(), 'READY=1');
    const { code, stdout, stderr } = await runCommand(join(projectRoot, 'bin/orlop'), ['-H', `unix://${path}`, 'version']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Server/);
    assert.equal(statSync(path).mode & 0o777, 0o640, 'whose socket it is says who may use it');
    service.child.kill('SIGTERM');
    assert.equal(service.told(), 'STOPPING=1');
    if (service.child.exitCode === null) await once(service.child, 'exit');
    assert.equal(service.child.exitCode, 0, service.said());
    assert.ok(statSync(path).isSocket(), 'the socket stays for the next engine');
    const lines = service.said().trimEnd().split('\n');
    assert.match(lines.find((line) => line.includes('ready')) ?? '', /^<6>ready \{"version":/);
    for (const line of lines) assert.match(line, /^<[3-7]>\S/);
  });

  test('does not serve a port that it was given, which would have no certificates', async (t) => {
    const listener = await listenAt({ port: 0, host: '127.0.0.1' });
    const service = startService(t, ['-H', 'fd://'], listener.descriptor);
    listener.leave();
    await once(service.child, 'exit');
    assert.equal(service.child.exitCode, 1);
    assert.match(service.said(), /fd:\/\/3 is not a unix socket that listens/);
  });
});
