import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { openBus } from './bus.ts';
import { openUnitManager, type UnitManager } from './manager.ts';
import { type BusMessage, decodeMessage, encodeMessage, messageTypes } from './messages.ts';
import { property } from './property.ts';

type Answer = Partial<BusMessage> | null;
type Handler = (message: BusMessage, send: (message: Partial<BusMessage>) => void) => Answer;

interface FakeBus extends AsyncDisposable {
  readonly path: string;
  readonly calls: readonly BusMessage[];
}

const unitExists = { type: messageTypes.error, errorName: 'org.freedesktop.systemd1.UnitExists', signature: 's', body: ['it exists'] };
const noSuchUnit = { ...unitExists, errorName: 'org.freedesktop.systemd1.NoSuchUnit', body: ['it is gone'] };

/** A server that authenticates whoever comes and answers by the handler. */
async function openFakeBus(handler: Handler, greeting = 'OK 0123456789abcdef\r\n'): Promise<FakeBus> {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-bus-'));
  const path = join(directory, 'socket');
  const calls: BusMessage[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let received: Buffer = Buffer.alloc(0);
    let begun = false;
    const send = (message: Partial<BusMessage>): void =>
      void socket.write(encodeMessage({ type: messageTypes.reply, serial: 1, sender: ':1.1', signature: '', body: [], ...message }));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const begin = begun ? -1 : received.indexOf('BEGIN\r\n');
      if (!begun && begin < 0 && received.includes('\r\n')) socket.write(greeting);
      if (!begun && begin < 0) return;
      if (!begun) received = received.subarray(begin + 7);
      begun = true;
      for (let next = decodeMessage(received); next !== null; next = decodeMessage(received)) {
        received = received.subarray(next.length);
        calls.push(next.message);
        const answer = handler(next.message, send);
        if (answer !== null) send({ replySerial: next.message.serial, ...answer });
      }
    });
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    calls,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      rmSync(directory, { recursive: true });
    },
  };
}

/** systemd as far as we know it: units by name, jobs that end at once. */
function fakeSystemd(units: Set<string>, options: { result?: string; early?: boolean } = {}): Handler {
  let jobs = 0;
  return ({ member, body }, send) => {
    const unit = body[0] as string;
    const job = (): Answer => {
      jobs += 1;
      const ended = () =>
        send({
          type: messageTypes.signal,
          path: '/org/freedesktop/systemd1',
          interface: 'org.freedesktop.systemd1.Manager',
          member: 'JobRemoved',
          signature: 'uoss',
          body: [jobs, `/job/${jobs}`, unit, options.result ?? 'done'],
        });
      // Somebody else says so first, whom nobody should believe.
      send({
        type: messageTypes.signal,
        sender: ':1.66',
        path: '/org/freedesktop/systemd1',
        interface: 'org.freedesktop.systemd1.Manager',
        member: 'JobRemoved',
        signature: 'uoss',
        body: [jobs, `/job/${jobs}`, unit, 'forged'],
      });
      if (options.early === true) ended();
      else setImmediate(ended);
      return { signature: 'o', body: [`/job/${jobs}`] };
    };
    if (member === 'Get') return { signature: 'v', body: [{ signature: 's', value: '252.39-1~deb12u1' }] };
    if (member === 'StartTransientUnit') {
      if (units.has(unit)) return unitExists;
      units.add(unit);
      return job();
    }
    if (member === 'StopUnit') return units.delete(unit) ? job() : noSuchUnit;
    if (member === 'ResetFailedUnit') return units.delete(`failed ${unit}`) && units.delete(unit) ? {} : noSuchUnit;
    if (member === 'SetUnitProperties') return units.has(unit) ? {} : noSuchUnit;
    return {};
  };
}

function openManager({ path }: FakeBus): Promise<UnitManager> {
  return openUnitManager({ bus: path, direct: '/nowhere' });
}

for (const early of [false, true]) {
  test(`a scope is started, changed and stopped; its job ends ${early ? 'before' : 'after'} the reply`, async () => {
    const units = new Set<string>();
    await using bus = await openFakeBus(fakeSystemd(units, { early }));
    using manager = await openManager(bus);
    assert.equal(manager.version, 252);
    await manager.startTransient('a-b.scope', [property('PIDs', 'au', [7])]);
    assert.deepEqual([...units], ['a-b.scope']);
    assert.deepEqual(bus.calls.at(-1)?.body, ['a-b.scope', 'replace', [['PIDs', { signature: 'au', value: [7] }]], []]);
    await manager.setProperties('a-b.scope', [property('TasksMax', 't', 5n)]);
    assert.deepEqual(bus.calls.at(-1)?.body, ['a-b.scope', true, [['TasksMax', { signature: 't', value: 5n }]]]);
    await manager.stop('a-b.scope');
    assert.deepEqual([...units], []);
    await manager.stop('a-b.scope');
    await assert.rejects(manager.setProperties('a-b.scope', [property('TasksMax', 't', 5n)]), /systemd has no unit a-b\.scope/);
  });
}

test('a unit that failed before is forgotten and made again, one that lives is not touched', async () => {
  const units = new Set(['a.scope', 'failed a.scope', 'b.scope']);
  await using bus = await openFakeBus(fakeSystemd(units));
  using manager = await openManager(bus);
  await manager.startTransient('a.scope', []);
  const error = await manager.startTransient('b.scope', []).catch((reason: unknown) => reason);
  assert.ok(isOrlopError(error, 'already-exists'), String(error));
  assert.ok(units.has('b.scope'));
});

test('a job that does not succeed is told by its result', async () => {
  await using bus = await openFakeBus(fakeSystemd(new Set(), { result: 'failed' }));
  using manager = await openManager(bus);
  await assert.rejects(manager.startTransient('a.scope', []), /did not start a\.scope: its job is failed/);
});

test('a property that systemd does not know is refused in its words', async () => {
  const refuse: Handler = ({ member }) =>
    member === 'SetUnitProperties'
      ? { ...unitExists, errorName: 'org.freedesktop.DBus.Error.PropertyReadOnly', body: ['Cannot set X'] }
      : {};
  await using bus = await openFakeBus((message, send) =>
    message.member === 'Get' ? fakeSystemd(new Set())(message, send) : refuse(message, send),
  );
  using manager = await openManager(bus);
  await assert.rejects(manager.setProperties('a.scope', [property('X', 's', '')]), /refuses SetUnitProperties: Cannot set X/);
});

test('without a bus systemd is asked directly', async () => {
  await using bus = await openFakeBus(fakeSystemd(new Set()));
  using manager = await openUnitManager({ bus: '/nowhere', direct: bus.path });
  assert.equal(manager.version, 252);
  assert.deepEqual(
    bus.calls.map(({ member }) => member),
    ['Get'],
  );
  await assert.rejects(openUnitManager({ bus: '/nowhere', direct: '/nowhere' }), /systemd cannot be reached/);
});

test('a server that refuses us, talks nonsense or hangs up is an error, not a wait', async () => {
  const open = async (handler: Handler, greeting?: string): Promise<unknown> => {
    await using fake = await openFakeBus(handler, greeting);
    const bus = await openBus({ path: fake.path, uid: 0, timeoutMs: 5000 }).catch((error: unknown) => error as Error);
    if (bus instanceof Error) return bus;
    using connection = bus;
    const call = { destination: 'a.b', path: '/a', interface: 'a.b', member: 'Do', signature: '', body: [] };
    return await connection.call(call).catch((error: unknown) => error);
  };
  assert.match(String(await open(() => null, 'REJECTED EXTERNAL\r\n')), /refuses us: "REJECTED EXTERNAL"/);
  assert.match(String(await open(() => null, 'x'.repeat(5000))), /a line is too long/);
  assert.match(String(await open(() => null, 'OK 1\r\nnonsense that is no message')), /out of step: a message has an unknown byte order/);
  assert.match(
    String(await open(() => null, 'OK 1\r\nl\u0002\u0000\u0001\u00ff\u00ff\u00ff\u007f\0\0\0\0\0\0\0\0')),
    /too large|out of step/,
  );
});

test('a call that is not answered ends', async () => {
  await using fake = await openFakeBus(() => null);
  using bus = await openBus({ path: fake.path, uid: 0, timeoutMs: 20 });
  const call = { destination: 'a.b', path: '/a', interface: 'a.b', member: 'Do', signature: '', body: [] };
  await assert.rejects(bus.call(call), /a\.b did not answer Do/);
});

const noDaemon = spawnSync('dbus-daemon', ['--version']).status === 0 ? false : 'needs dbus-daemon';

describe('against the reference implementation', { skip: noDaemon }, () => {
  test('dbus-daemon understands us, and we it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-bus-'));
    const path = join(directory, 'socket');
    const config = join(directory, 'config');
    writeFileSync(
      config,
      `<busconfig><listen>unix:path=${path}</listen><policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`,
    );
    const daemon = spawn('dbus-daemon', ['--config-file', config, '--nofork', '--print-address'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await once(daemon.stdout, 'data');
      assert.ok(existsSync(path));
      using bus = await openBus({ path, uid: process.getuid?.() ?? 0, timeoutMs: 10_000 });
      const driver = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
      const { body } = await bus.call({ ...driver, member: 'Hello', signature: '', body: [] });
      const [name] = body;
      assert.match(name as string, /^:1\./);
      const signals: BusMessage[] = [];
      bus.onSignal((signal) => signals.push(signal));
      await bus.call({ ...driver, member: 'AddMatch', signature: 's', body: ["type='signal',member='NameOwnerChanged'"] });
      await bus.call({ ...driver, member: 'RequestName', signature: 'su', body: ['org.orlop.Test', 0] });
      const names = await bus.call({ ...driver, member: 'ListNames', signature: '', body: [] });
      assert.ok((names.body[0] as string[]).includes('org.orlop.Test'));
      const changed = signals.find(({ member }) => member === 'NameOwnerChanged');
      assert.deepEqual(changed?.body, ['org.orlop.Test', '', name]);
      const credentials = await bus.call({ ...driver, member: 'GetConnectionCredentials', signature: 's', body: [name as string] });
      const entries = Object.fromEntries(credentials.body[0] as [string, { value: unknown }][]);
      assert.equal(entries['ProcessID']?.value, process.pid);
      await assert.rejects(bus.call({ ...driver, member: 'NoSuchThing', signature: '', body: [] }), /refuses NoSuchThing/);
    } finally {
      daemon.kill();
      await once(daemon, 'exit');
      rmSync(directory, { recursive: true });
    }
  });
});
