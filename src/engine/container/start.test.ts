import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isOrlopError, type ErrorKind } from '#errors';
import { never, openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import { assertNothingLeft, cgroupsOf, linksOf, until } from '../fixtures/traces.ts';

type Request = NonNullable<Parameters<TestEngine['create']>[1]>;

describe('a start that fails', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  let host: TestEngine;
  before(async () => {
    host = await openTestEngine();
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
    assert.deepEqual(host.complaints, []);
  });

  const failures: readonly [
    what: string,
    command: readonly string[],
    request: Request,
    kind: ErrorKind,
    message: RegExp,
    exitCode: number,
  ][] = [
    ['for want of the program', ['/no/such/program'], {}, 'not-found', /no\/such\/program/, 127],
    ['for want of the program in the search path', ['nothing-of-that-name'], {}, 'not-found', /nothing-of-that-name/, 127],
    ['for a file that is no program', ['/etc/passwd'], {}, 'permission-denied', /\/etc\/passwd/, 126],
    ['for a directory', ['/tmp'], {}, 'permission-denied', /\/tmp/, 126],
    ['for an unknown user', ['true'], { user: 'nobody-knows' }, 'not-found', /nobody-knows/, 128],
    ['for an unknown group', ['true'], { groupAdd: ['no-such-group'] }, 'not-found', /no-such-group/, 128],
    ['for a profile that is none', ['true'], { seccompProfile: '{}' }, 'invalid-argument', /seccomp/, 128],
  ];
  for (const [what, command, request, kind, message, exitCode] of failures) {
    test(`${what} says so, is written down, and leaves nothing of the run`, async () => {
      const id = await host.create(command, request);
      await assert.rejects(host.engine.containers.start(id), (error: unknown) => {
        assert.ok(isOrlopError(error, kind) && message.test(error.message), String(error));
        return true;
      });
      const view = host.engine.containers.inspect(id);
      assert.deepEqual([view.status, view.exitCode, view.pid, view.cgroupPath, view.startedAtNs], ['created', exitCode, 0, '', 0n]);
      assert.match(view.error, message);
      assert.deepEqual(cgroupsOf(host.traces), []);
      await host.engine.containers.remove(id, {});
    });
  }

  test('on a bridge leaves no link, and keeps the address for the next try', async () => {
    const id = await host.create(['/no/such/program'], { network: 'bridge' });
    const { endpoints } = host.engine.containers.inspect(id);
    const bridge = linksOf(host.traces);
    await assert.rejects(host.engine.containers.start(id));
    await until(() => linksOf(host.traces).length === bridge.length);
    assert.deepEqual(linksOf(host.traces), bridge);
    assert.deepEqual(host.engine.containers.inspect(id).endpoints, endpoints);
    await host.engine.containers.remove(id, {});
  });

  test('is older than the first line of its log', async () => {
    const id = await host.create(['echo', 'hello']);
    await host.engine.containers.start(id);
    await host.exitCode(id);
    const { startedAtNs } = host.engine.containers.inspect(id);
    const lines = [];
    for await (const line of host.engine.containers.logs(id, { stdout: true, stderr: true, follow: false }, AbortSignal.timeout(10_000)))
      lines.push(line);
    assert.equal(lines.length, 1);
    assert.ok(startedAtNs > 0n && startedAtNs <= (lines[0]?.timeNs ?? 0n), `${startedAtNs} ${lines[0]?.timeNs}`);
    await host.engine.containers.remove(id, {});
  });

  test('is no end: a container that fails once can be started once its reason is gone', async () => {
    const id = await host.create(['/late']);
    await assert.rejects(host.engine.containers.start(id));
    const { engine, dataRoot } = host;
    // Files in the writable layer carry the owners that the container sees.
    writeFileSync(join(dataRoot, 'containers', id, 'upper', 'late'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    assert.equal(await engine.containers.start(id), true);
    assert.equal(await host.exitCode(id), 0);
    assert.equal(engine.containers.inspect(id).error, '');
    await engine.containers.remove(id, {});
  });

  test('ends the streams of those who attached before', async () => {
    const id = await host.create(['/no/such/program']);
    const { stream } = await host.engine.containers.attach(id, { stdin: false, stdout: true, stderr: true });
    const ended = new Promise((resolve) => stream.once('end', resolve).resume());
    await assert.rejects(host.engine.containers.start(id));
    await ended;
    stream.destroy();
    await host.engine.containers.remove(id, {});
  });

  test('takes a container away that was to be removed at its end, and tells those who wait', async () => {
    const id = await host.create(['/no/such/program'], { autoRemove: true });
    const removed = host.engine.containers.wait(id, 'removed', never);
    await assert.rejects(host.engine.containers.start(id));
    assert.equal((await removed).exitCode, 127);
    assert.deepEqual(host.engine.containers.list({ all: true }), []);
    assert.equal(existsSync(join(host.dataRoot, 'containers', id)), false);
  });

  test('does not give its id range away twice, nor lose it', async () => {
    for (let round = 0; round < 3; round++) {
      const id = await host.create(['/no/such/program']);
      await assert.rejects(host.engine.containers.start(id));
      await host.engine.containers.remove(id, {});
    }
    const ids = await Promise.all([1, 2, 3].map(() => host.run(['sh', '-c', 'read -r line < /proc/self/uid_map; echo $line'])));
    await Promise.all(ids.map((id) => host.exitCode(id)));
    const ranges = await Promise.all(ids.map((id) => host.output(id)));
    assert.equal(new Set(ranges).size, ids.length);
    for (const id of ids) await host.engine.containers.remove(id, {});
  });
});
