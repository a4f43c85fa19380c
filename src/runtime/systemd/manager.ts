import { isOrlopError, OrlopError } from '#errors';
import { type Bus, type MethodCall, openBus } from './bus.ts';
import type { BusMessage } from './messages.ts';
import type { UnitProperty } from './property.ts';
import type { BusValue, Variant } from './values.ts';

/** systemd's manager of units: org.freedesktop.systemd1(5). */
export interface UnitManager extends Disposable {
  /** systemd's own version: 252. */
  readonly version: number;
  /** Makes a unit that lives until it ends, and waits until it is there. `already-exists` `RUNTIME_UNIT_EXISTS` when the name is taken. */
  startTransient(unit: string, properties: readonly UnitProperty[]): Promise<void>;
  /** Until the unit ends (`--runtime`). A unit that is gone is `not-found` `RUNTIME_UNIT_GONE`. */
  setProperties(unit: string, properties: readonly UnitProperty[]): Promise<void>;
  /** Ends it and waits until it is gone; one that is not there is fine. */
  stop(unit: string): Promise<void>;
}

export interface ManagerPlaces {
  /** The system bus. */
  readonly bus: string;
  /** systemd's own socket, which only root may open, for hosts without a bus. */
  readonly direct: string;
}

const usualPlaces: ManagerPlaces = { bus: '/run/dbus/system_bus_socket', direct: '/run/systemd/private' };

const timeoutMs = 30_000;
const systemd = { destination: 'org.freedesktop.systemd1', path: '/org/freedesktop/systemd1' } as const;
const manager = 'org.freedesktop.systemd1.Manager';
const driver = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' } as const;

/** Fails with unavailable `RUNTIME_SYSTEMD_UNREACHABLE` when systemd cannot be reached. */
export async function openUnitManager(places: ManagerPlaces = usualPlaces): Promise<UnitManager> {
  using undo = new DisposableStack();
  const bus = undo.use(await connect(places));
  const jobs = watchJobs(bus);
  const version = await readVersion(bus);
  const held = undo.move();
  return {
    version,
    startTransient: (unit, properties) => startTransient(bus, jobs, unit, properties),
    setProperties: (unit, properties) => setProperties(bus, unit, properties),
    stop: (unit) => stop(bus, jobs, unit),
    [Symbol.dispose]: () => held.dispose(),
  };
}

async function connect({ bus, direct }: ManagerPlaces): Promise<Bus> {
  const uid = process.getuid?.() ?? 0;
  try {
    const connection = await openBus({ path: bus, uid, timeoutMs });
    try {
      await enrol(connection);
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  } catch (fromBus) {
    if (!isOrlopError(fromBus)) throw fromBus;
    try {
      return await openBus({ path: direct, uid, timeoutMs });
    } catch {
      throw new OrlopError('unavailable', 'RUNTIME_SYSTEMD_UNREACHABLE', `systemd cannot be reached: ${fromBus.message}`, {
        hint: 'check that dbus and systemd run and that you are root',
        cause: fromBus,
      });
    }
  }
}

/** On a bus signals come to those who have said which they want. */
async function enrol(bus: Bus): Promise<void> {
  const rule = `type='signal',sender='${systemd.destination}',interface='${manager}',member='JobRemoved'`;
  await bus.call({ ...driver, member: 'Hello', signature: '', body: [] });
  await bus.call({ ...driver, member: 'AddMatch', signature: 's', body: [rule] });
  await bus.call(ask('Subscribe', '', []));
}

function ask(member: string, signature: string, body: readonly BusValue[]): MethodCall {
  return { ...systemd, interface: manager, member, signature, body };
}

async function readVersion(bus: Bus): Promise<number> {
  const { body } = await bus.call({
    ...systemd,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'Get',
    signature: 'ss',
    body: [manager, 'Version'],
  });
  const text = (body[0] as Variant | undefined)?.value;
  return Number(/\d+/.exec(typeof text === 'string' ? text : '')?.[0] ?? 0);
}

/** Jobs that have ended, by who said it and the job's path: the signal may come before the reply that names the job. */
interface JobWatch {
  ended(job: string, sender: string | undefined): Promise<string>;
}

const mostRemembered = 256;

function watchJobs(bus: Bus): JobWatch {
  const results = new Map<string, string>();
  const waiting = new Map<string, (result: string) => void>();
  // Anybody may send us a signal: only one from whom the job is from counts.
  const keyOf = (job: string, sender: string | undefined): string => `${sender ?? ''} ${job}`;
  bus.onSignal(({ interface: name, member, signature, sender, body }) => {
    if (name !== manager || member !== 'JobRemoved' || signature !== 'uoss') return;
    const key = keyOf(body[1] as string, sender);
    const result = body[3] as string;
    waiting.get(key)?.(result);
    if (waiting.delete(key)) return;
    results.set(key, result);
    for (const oldest of results.keys()) if (results.size > mostRemembered) results.delete(oldest);
  });
  return {
    ended(job, sender) {
      const key = keyOf(job, sender);
      const known = results.get(key);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(key);
          reject(new OrlopError('deadline-exceeded', 'RUNTIME_UNIT_JOB', `systemd's job ${job} does not end`));
        }, timeoutMs);
        waiting.set(key, (result) => {
          clearTimeout(timer);
          resolve(result);
        });
      });
    },
  };
}

async function startTransient(bus: Bus, jobs: JobWatch, unit: string, properties: readonly UnitProperty[]): Promise<void> {
  const start = ask('StartTransientUnit', 'ssa(sv)a(sa(sv))', [unit, 'replace', packed(properties), []]);
  let reply: BusMessage;
  try {
    reply = await bus.call(start);
  } catch (error) {
    if (nameOf(error) !== 'org.freedesktop.systemd1.UnitExists') throw error;
    // One that failed before stays loaded until it is forgotten.
    await forget(bus, unit);
    reply = await bus.call(start).catch((again: unknown) => {
      throw nameOf(again) === 'org.freedesktop.systemd1.UnitExists' ? taken(unit, again) : again;
    });
  }
  const result = await jobs.ended(reply.body[0] as string, reply.sender);
  if (result === 'done') return;
  throw new OrlopError('failed-precondition', 'RUNTIME_UNIT_FAILED', `systemd did not start ${unit}: its job is ${result}`, {
    hint: `see journalctl -u ${unit}`,
  });
}

function taken(unit: string, cause: unknown): OrlopError {
  return new OrlopError('already-exists', 'RUNTIME_UNIT_EXISTS', `systemd has a unit ${unit} already`, {
    hint: `choose another cgroupsPath, or stop it: systemctl stop ${unit}`,
    cause,
  });
}

async function setProperties(bus: Bus, unit: string, properties: readonly UnitProperty[]): Promise<void> {
  if (properties.length === 0) return;
  try {
    await bus.call(ask('SetUnitProperties', 'sba(sv)', [unit, true, packed(properties)]));
  } catch (error) {
    if (!isGone(error)) throw error;
    throw new OrlopError('not-found', 'RUNTIME_UNIT_GONE', `systemd has no unit ${unit}`, { cause: error });
  }
}

async function stop(bus: Bus, jobs: JobWatch, unit: string): Promise<void> {
  try {
    const { body, sender } = await bus.call(ask('StopUnit', 'ss', [unit, 'replace']));
    await jobs.ended(body[0] as string, sender);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  await forget(bus, unit);
}

async function forget(bus: Bus, unit: string): Promise<void> {
  try {
    await bus.call(ask('ResetFailedUnit', 's', [unit]));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function packed(properties: readonly UnitProperty[]): BusValue {
  return properties.map(({ name, value }) => [name, value]);
}

function nameOf(error: unknown): string {
  const details = isOrlopError(error) ? (error.details as { readonly name?: string } | undefined) : undefined;
  return details?.name ?? '';
}

function isGone(error: unknown): boolean {
  return ['org.freedesktop.systemd1.NoSuchUnit', 'org.freedesktop.systemd1.UnitNotLoaded'].includes(nameOf(error));
}
