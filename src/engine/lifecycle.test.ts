import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { isOrlopError, type ErrorKind } from '#errors';
import { detectCgroupLayout, openCgroup } from '#runtime';
import { isAlive } from '#sys';
import { assertNothingLeft, cgroupsOf, until } from './fixtures/traces.ts';
import { never, openTestEngine, whyNoEngine, type TestEngine } from './fixtures/test-engine.ts';

/** Runs until it is stopped; says so first. */
const patient = ['sh', '-c', 'trap "exit 5" TERM; echo ready; while :; do sleep 0.02; done'];
/** Lets no signal but KILL end it. */
const stubborn = ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'];

function failsWith(kind: ErrorKind, code: string) {
  return (error: unknown): boolean => isOrlopError(error, kind) && error.code === code;
}

describe('the life of a container', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  let host: TestEngine;
  before(async () => {
    host = await openTestEngine();
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
    assert.deepEqual(host.complaints, []);
  });

  async function runPatiently(name: string, command = patient): Promise<string> {
    const id = await host.run(command, { name });
    await host.firstOutput(id);
    return id;
  }

  test('create, start, wait, remove', async () => {
    const { containers } = host.engine;
    const id = await host.create(['sh', '-c', 'echo out; echo err >&2; exit 7'], { name: 'first' });
    assert.equal(containers.inspect('first').status, 'created');
    assert.equal(await containers.start(id), true);
    assert.deepEqual(await containers.wait(id, 'not-running', never), { exitCode: 7 });
    const view = containers.inspect('first');
    assert.deepEqual([view.status, view.exitCode, view.pid, view.error, view.cgroupPath], ['exited', 7, 0, '', '']);
    assert.ok(view.startedAtNs >= view.createdAtNs && view.finishedAtNs > 0n);
    assert.deepEqual((await host.output(id)).split('\n').sort(), ['', 'err', 'out']);
    await containers.remove(id, {});
    assert.throws(() => containers.inspect(id), failsWith('not-found', 'ENGINE_CONTAINER_NOT_FOUND'));
    assert.equal(existsSync(join(host.dataRoot, 'containers', id)), false);
    assert.deepEqual(cgroupsOf(host.traces), []);
  });

  test('its events are told in order', async () => {
    const { containers, events } = host.engine;
    const sinceNs = BigInt(Date.now()) * 1_000_000n;
    const id = await host.run(['false'], { labels: { tier: 'front' } });
    await host.exitCode(id);
    await containers.remove(id, {});
    const seen = await Array.fromAsync(events({ sinceNs }, AbortSignal.abort()));
    const mine = seen.filter((event) => event.id === id);
    assert.deepEqual(
      mine.map((event) => event.action),
      ['create', 'start', 'die', 'destroy'],
    );
    assert.ok(mine.every(({ attributes }) => attributes['tier'] === 'front' && attributes['image'] === 'busybox'));
    assert.equal(mine[2]?.attributes['exitCode'], '1');
  });

  test('what it wrote is there at the next start, and gone with it', async () => {
    const id = await host.run(['sh', '-c', 'cat /kept; echo again > /kept']);
    await host.exitCode(id);
    await host.engine.containers.start(id);
    await host.exitCode(id);
    assert.match(await host.output(id), /again\n$/);
    await host.engine.containers.remove(id, {});
  });

  test('of several starts at once one starts it, the others say that it runs', async () => {
    const id = await host.create(patient);
    const answers = await Promise.all(Array.from({ length: 4 }, () => host.engine.containers.start(id)));
    assert.deepEqual(answers, [true, false, false, false]);
    assert.equal(cgroupsOf(host.traces).length, 1);
    await host.engine.containers.remove(id, { force: true });
  });

  describe('a name', () => {
    test('that is in use is a conflict in the words that clients look for, and nothing is made', async () => {
      const id = await host.create(['true'], { name: 'taken' });
      await assert.rejects(host.create(['true'], { name: '/taken' }), (error: unknown) => {
        const words = `Conflict. The container name "/taken" is already in use by container "${id}"`;
        return failsWith('conflict', 'ENGINE_NAME_IN_USE')(error) && (error as Error).message.startsWith(words);
      });
      assert.deepEqual(
        host.engine.containers.list({ all: true }).map((view) => view.id),
        [id],
      );
      await host.engine.containers.remove('taken', {});
      await host.engine.containers.remove(await host.create(['true'], { name: 'taken' }), {});
    });

    test('that several ask for at once goes to one', async () => {
      const asked = Array.from({ length: 4 }, () => host.create(['true'], { name: 'wanted' }));
      const settled = await Promise.allSettled(asked);
      assert.equal(settled.filter((result) => result.status === 'fulfilled').length, 1);
      for (const result of settled) if (result.status === 'rejected') assert.ok(failsWith('conflict', 'ENGINE_NAME_IN_USE')(result.reason));
      assert.equal(host.engine.containers.list({ all: true }).length, 1);
      await host.engine.containers.remove('wanted', {});
    });

    test('can be changed, to one that is free and allowed', async () => {
      const { containers } = host.engine;
      const ids = [await host.create(['true'], { name: 'one' }), await host.create(['true'], { name: 'two' })];
      await assert.rejects(containers.rename('one', 'two'), failsWith('conflict', 'ENGINE_NAME_IN_USE'));
      await assert.rejects(containers.rename('one', 'one'), failsWith('invalid-argument', 'ENGINE_SAME_NAME'));
      await assert.rejects(containers.rename('one', 'a b'), failsWith('invalid-argument', 'ENGINE_NAME_INVALID'));
      await containers.rename('one', '/three');
      assert.equal(containers.inspect('three').id, ids[0]);
      assert.throws(() => containers.inspect('one'), failsWith('not-found', 'ENGINE_CONTAINER_NOT_FOUND'));
      await containers.rename('two', 'one');
      await host.reopen();
      assert.deepEqual(
        ids.map((id) => host.engine.containers.inspect(id).name),
        ['three', 'one'],
      );
      for (const id of ids) await host.engine.containers.remove(id, {});
    });
  });

  describe('a creation that cannot be leaves nothing', () => {
    const wrong: readonly [what: string, request: Parameters<TestEngine['create']>[1], kind: ErrorKind][] = [
      ['an unknown image', { image: 'nobody/nothing:1' }, 'not-found'],
      ['a name that is none', { name: 'a b' }, 'invalid-argument'],
      ['an unknown stop signal', { stopSignal: 'SIGHELLO' }, 'invalid-argument'],
      ['a relative working directory', { workingDirectory: 'srv' }, 'invalid-argument'],
      ['an unknown capability', { capAdd: ['FLY'] }, 'invalid-argument'],
      ['processors that this host has not', { limits: { cpusetCpus: '9000' } }, 'invalid-argument'],
      ['an extra host that is none', { extraHosts: ['db'] }, 'invalid-argument'],
      ["the host's network with own users", { network: 'host', userNamespace: 'auto' }, 'invalid-argument'],
    ];
    for (const [what, request, kind] of wrong) {
      test(what, async () => {
        await assert.rejects(host.create(['true'], request), (error: unknown) => isOrlopError(error, kind));
        assert.deepEqual(host.engine.containers.list({ all: true }), []);
      });
    }
  });

  describe('auto-removal', () => {
    test('takes it away at its end; who waits for that is told the code', async () => {
      const id = await host.create(['sh', '-c', 'exit 3'], { autoRemove: true });
      const removed = host.engine.containers.wait(id, 'removed', never);
      await host.engine.containers.start(id);
      assert.deepEqual(await removed, { exitCode: 3 });
      assert.deepEqual(host.engine.containers.list({ all: true }), []);
      assert.equal(existsSync(join(host.dataRoot, 'containers', id)), false);
    });

    test('goes together with a removal by hand', async () => {
      const id = await host.run(patient, { autoRemove: true });
      await host.engine.containers.remove(id, { force: true });
      assert.deepEqual(host.engine.containers.list({ all: true }), []);
    });
  });

  describe('removal', () => {
    test('of one that runs is a conflict, and it runs on; by force it is killed first', async () => {
      const id = await runPatiently('busy');
      const { pid } = host.engine.containers.inspect(id);
      await assert.rejects(host.engine.containers.remove(id, {}), failsWith('conflict', 'ENGINE_CONTAINER_RUNNING'));
      assert.equal(host.engine.containers.inspect(id).status, 'running');
      assert.ok(isAlive(pid));
      await host.engine.containers.remove(id, { force: true });
      assert.ok(!isAlive(pid));
      assert.deepEqual(cgroupsOf(host.traces), []);
    });

    test('that comes while it is being started never takes a running one away', async () => {
      const id = await host.create(patient);
      const [started, removed] = await Promise.allSettled([host.engine.containers.start(id), host.engine.containers.remove(id, {})]);
      const runs = started.status === 'fulfilled';
      assert.equal(removed.status, runs ? 'rejected' : 'fulfilled');
      assert.equal(host.engine.containers.list({}).length, runs ? 1 : 0);
      if (runs) await host.engine.containers.remove(id, { force: true });
      assert.deepEqual(cgroupsOf(host.traces), []);
    });

    test('of one that is gone is not-found', async () => {
      await assert.rejects(host.engine.containers.remove('nobody', { force: true }), failsWith('not-found', 'ENGINE_CONTAINER_NOT_FOUND'));
    });
  });

  describe('stopping', () => {
    test('asks with the stop signal and waits for the end', async () => {
      const id = await runPatiently('asked');
      assert.equal(await host.engine.containers.stop(id, { timeoutS: -1 }), true);
      const { status, exitCode } = host.engine.containers.inspect(id);
      assert.deepEqual([status, exitCode], ['exited', 5]);
      assert.equal(await host.engine.containers.stop(id, {}), false);
      await host.engine.containers.remove(id, {});
    });

    test('kills what does not listen in time', async () => {
      const id = await runPatiently('deaf', stubborn);
      assert.equal(await host.engine.containers.stop(id, { timeoutS: 0 }), true);
      assert.equal(host.engine.containers.inspect(id).exitCode, 137);
      await host.engine.containers.remove(id, {});
    });

    test('and starting again is a restart', async () => {
      const id = await runPatiently('twice');
      const { pid } = host.engine.containers.inspect(id);
      await host.engine.containers.restart(id, { timeoutS: -1 });
      const view = host.engine.containers.inspect(id);
      assert.equal(view.status, 'running');
      assert.notEqual(view.pid, pid);
      assert.ok(!isAlive(pid));
      await host.engine.containers.remove(id, { force: true });
    });
  });

  describe('killing', () => {
    for (const signal of ['KILL', 'SIGKILL', '9']) {
      test(`with ${signal} ends it at once, and is over when it has ended`, async () => {
        const id = await runPatiently('doomed', stubborn);
        await host.engine.containers.kill(id, signal);
        const { status, exitCode } = host.engine.containers.inspect(id);
        assert.deepEqual([status, exitCode], ['exited', 137]);
        await host.engine.containers.remove(id, {});
      });
    }

    test('with another signal leaves it to the process', async () => {
      const id = await runPatiently('spoken-to');
      await host.engine.containers.kill(id, 'TERM');
      assert.equal(await host.exitCode(id), 5);
      await assert.rejects(host.engine.containers.kill(id, 'TERM'), failsWith('conflict', 'ENGINE_CONTAINER_NOT_RUNNING'));
      await host.engine.containers.remove(id, {});
    });

    test('with a signal that is none is refused', async () => {
      const id = await runPatiently('safe');
      await assert.rejects(host.engine.containers.kill(id, 'SIGHELLO'), (error: unknown) => isOrlopError(error, 'invalid-argument'));
      assert.equal(host.engine.containers.inspect(id).status, 'running');
      await host.engine.containers.remove(id, { force: true });
    });
  });

  describe('while its end is being settled', () => {
    /** Ends its process and keeps its cgroup busy for a moment with one of ours, so that there is time to come in between. */
    async function endSlowly(name: string): Promise<string> {
      const id = await runPatiently(name);
      const { pid, cgroupPath } = host.engine.containers.inspect(id);
      const intruder = spawn('sleep', ['1000']);
      for (const file of openCgroup(detectCgroupLayout(), cgroupPath).procsFiles) writeFileSync(file, String(intruder.pid));
      await host.engine.containers.kill(id, 'TERM');
      await until(() => !isAlive(pid));
      return id;
    }

    test('a kill comes in time or too late, and never fails otherwise', async () => {
      const id = await endSlowly('ending');
      while (host.engine.containers.inspect(id).status === 'running') {
        const late = await host.engine.containers.kill(id, 'TERM').catch((error: unknown) => error);
        if (late !== undefined) assert.ok(failsWith('conflict', 'ENGINE_CONTAINER_NOT_RUNNING')(late), inspect(late));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await host.engine.containers.remove(id, {});
    });

    test('it can be stopped', async () => {
      const id = await endSlowly('ending');
      await host.engine.containers.stop(id, { timeoutS: -1 });
      assert.equal(host.engine.containers.inspect(id).exitCode, 5);
      await host.engine.containers.remove(id, {});
    });

    test('it can be removed by force', async () => {
      await host.engine.containers.remove(await endSlowly('ending'), { force: true });
      assert.deepEqual(cgroupsOf(host.traces), []);
    });
  });

  describe('pausing', () => {
    test('stops every process; what needs a moving one is a conflict; unpausing lets it go on', async () => {
      const { containers, execs } = host.engine;
      const id = await runPatiently('frozen');
      const cgroup = openCgroup(detectCgroupLayout(), containers.inspect(id).cgroupPath);
      await assert.rejects(containers.unpause(id), failsWith('conflict', 'ENGINE_CONTAINER_NOT_PAUSED'));
      await containers.pause(id);
      assert.equal(containers.inspect(id).status, 'paused');
      assert.ok(cgroup.isFrozen());
      await assert.rejects(containers.pause(id), failsWith('conflict', 'ENGINE_CONTAINER_PAUSED'));
      await assert.rejects(containers.start(id), failsWith('conflict', 'ENGINE_CONTAINER_BUSY'));
      await assert.rejects(containers.remove(id, {}), failsWith('conflict', 'ENGINE_CONTAINER_RUNNING'));
      const request = { command: ['true'], terminal: false, attachStdin: false, attachStdout: false, attachStderr: false };
      assert.throws(() => execs.create(id, request), failsWith('conflict', 'ENGINE_CONTAINER_PAUSED'));
      await containers.unpause(id);
      assert.equal(containers.inspect(id).status, 'running');
      assert.ok(!cgroup.isFrozen());
      await containers.stop(id, { timeoutS: -1 });
      assert.equal(containers.inspect(id).exitCode, 5);
      await containers.remove(id, {});
    });

    test('does not keep it from being stopped, killed or removed', async () => {
      const { containers } = host.engine;
      const id = await runPatiently('icy');
      await containers.pause(id);
      await containers.stop(id, { timeoutS: -1 });
      assert.equal(containers.inspect(id).exitCode, 5);
      await containers.start(id);
      await containers.pause(id);
      await containers.kill(id, 'KILL');
      assert.equal(await host.exitCode(id), 137);
      await containers.start(id);
      await containers.pause(id);
      await containers.remove(id, { force: true });
      assert.deepEqual(cgroupsOf(host.traces), []);
    });

    test('of one that does not run is a conflict', async () => {
      const id = await host.create(['true']);
      await assert.rejects(host.engine.containers.pause(id), failsWith('conflict', 'ENGINE_CONTAINER_NOT_RUNNING'));
      await assert.rejects(host.engine.containers.unpause(id), failsWith('conflict', 'ENGINE_CONTAINER_NOT_PAUSED'));
      await host.engine.containers.remove(id, {});
    });
  });

  test('the process table shows what runs in it and nothing else', async () => {
    const id = await runPatiently('busy');
    const { pid } = host.engine.containers.inspect(id);
    const { titles, processes } = await host.engine.containers.top(id, '-o pid,args');
    assert.deepEqual(titles, ['PID', 'COMMAND']);
    assert.ok(
      processes.some(([found, command]) => Number(found) === pid && command?.startsWith('sh -c') === true),
      JSON.stringify(processes),
    );
    assert.ok(processes.every(([found]) => Number(found) !== process.pid));
    await assert.rejects(host.engine.containers.top(id, '-o args'), failsWith('invalid-argument', 'ENGINE_TOP_NO_PID'));
    await assert.rejects(host.engine.containers.top(id, '--nonsense'), failsWith('invalid-argument', 'ENGINE_TOP_FAILED'));
    await host.engine.containers.remove(id, { force: true });
    await until(() => cgroupsOf(host.traces).length === 0);
  });
});
