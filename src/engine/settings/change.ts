import { OrlopError } from '#errors';
import { openCgroup, supportsLimit } from '#runtime';
import {
  canonicalSetting,
  checkDevice,
  type DeviceMap,
  type Profile,
  type SettingMap,
  type SettingsChange,
  type SettingsChanged,
  type SettingsView,
} from '#wire';
import { diskSizeOf, settleDiskSize } from '../container/disk-limit.ts';
import { checkHostLimits, formatCpuList, readHostResources, type HostResources } from '../container/host-limits.ts';
import { isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, saveRecord, type EngineContext } from '../context.ts';
import type { CreateRequest } from '../model.ts';
import { isOnDemand, tryKeepDoor } from '../on-demand/door.ts';
import { withRunningRoot } from '../files/hold.ts';
import { isClosed } from '../network/mode.ts';
import { wantedLogins, hasOwnLogins, loginKeysOf } from '../system/guest-files.ts';
import { linkRatesOf } from '../network/rates.ts';
import { exchangePorts, followWishes, portWishesOf } from '../network/ports.ts';
import { findBlockDevice } from '../spec/devices.ts';
import { planLimits } from '../spec/plan-limits.ts';
import { checkDevices, exchangeDevices, onTheWay, releaseVolumes, settled, settleDevices } from '../devices/exchange.ts';
import { ownDevices, planNamed, withNamed } from '../devices/named.ts';
import { settingFacts } from './facts.ts';
import { type SettingFacts, withRequest } from './places.ts';
import { inForceOf, ownSettings, planChange, planSettings, viewSettings, withSettings } from './plan-change.ts';
import { planLimitChange } from './plan-live.ts';
import { defaultProfile, findProfiles } from './profiles.ts';

/** What is set of a container, and what it is held to. */
export function showSettings(context: EngineContext, ref: string): SettingsView {
  const { record } = context.table.find(ref);
  return viewSettings(record, settingFacts(context, record));
}

/**
 * Changes settings, all of them or none. The record says what is to be before the first step, and that it is on its way: what a kill leaves undone the next engine does
 * (`settleSettings`). What the kernel refuses is taken back.
 */
export async function changeSettings(context: EngineContext, ref: string, change: SettingsChange): Promise<SettingsChanged> {
  const container = context.table.find(ref);
  return context.queues.run(container.record.id, async () => {
    const before = container.record;
    const facts = settingFacts(context, before);
    const profiles = change.profiles ?? before.request.profiles ?? [];
    const named = findProfiles(context, profiles);
    const { record: after, warnings } = planSettled(context, before, planChange(before, change, named, facts), {
      facts,
      profiles: named,
      devices: devicesOf(change),
    });
    await applyChange(context, container, { before, after, facts });
    await tryKeepDoor(context, container);
    publishContainerEvent(context, container, 'update');
    await releaseVolumes(context, before, after);
    return { pending: Object.keys(container.record.run?.pending ?? {}), warnings };
  });
}

/** A container that is about to be made, with the settings that its request and its profiles name. Answers warnings. */
export function withAskedSettings(
  context: EngineContext,
  { record, settings = {} }: { readonly record: ContainerRecord; readonly settings?: SettingMap | undefined },
): { readonly record: ContainerRecord; readonly warnings: readonly string[] } {
  const profiles = record.request.profiles ?? [defaultProfile];
  const named = findProfiles(context, profiles);
  const isPlain =
    Object.keys(settings).length === 0 && named.every((profile) => Object.keys({ ...profile.settings, ...profile.devices }).length === 0);
  // What most containers are: nothing is to be looked up for them.
  if (isPlain) return { record: withRequest(record, { profiles: profiles.length === 0 ? undefined : profiles }), warnings: [] };
  const facts = settingFacts(context, record);
  const own = Object.entries(settings).map(([name, text]) => [name, canonicalSetting(name, text)] as const);
  const wanted = planSettings({ ...ownSettings(record, facts), ...Object.fromEntries(own) }, named);
  return planSettled(context, record, withSettings(record, wanted, { names: profiles, facts }), { facts, profiles: named });
}

/** Own devices as a change wants them; undefined: as they are. */
function devicesOf({ devices, once }: SettingsChange): DeviceMap | undefined {
  if (devices === undefined) return undefined;
  if (once === true)
    throw new OrlopError('invalid-argument', 'SETTING_ONCE', 'devices are kept: they cannot be for one run only', {
      hint: 'leave --once out',
    });
  return Object.fromEntries(Object.entries(devices).map(([device, config]) => [device, checkDevice(device, config)]));
}

interface SettledWith {
  readonly facts: SettingFacts;
  readonly profiles: readonly Profile[];
  /** Of its own; absent: those that it has. */
  readonly devices?: DeviceMap | undefined;
}

/**
 * The record as it can be on this host, with the devices of its profiles: limits that no cgroup here has are left out, with Docker's warnings. What else cannot be fails, before anything is touched.
 */
export function planSettled(
  context: EngineContext,
  before: ContainerRecord,
  wanted: ContainerRecord,
  { facts, profiles, devices = ownDevices(before) }: SettledWith,
): { readonly record: ContainerRecord; readonly warnings: readonly string[] } {
  const { limits, warnings } = planLimits(wanted.request.limits, (limit) => supportsLimit(context.cgroups, limit));
  const held = limits === wanted.request.limits ? wanted : withRequest(wanted, { limits });
  const after = withNamed(held, planNamed(devices, profiles), (name) => context.volumes.pathOf(name));
  checkChange(before, after, { facts, host: readHostResources(context.cgroups) });
  checkDevices(context, before, after);
  return { record: after, warnings };
}

function checkChange(
  before: ContainerRecord,
  after: ContainerRecord,
  { facts, host }: { readonly facts: SettingFacts; readonly host: HostResources },
): void {
  const { request, name } = after;
  const inForce = inForceOf(after, facts);
  for (const { limits } of [request, inForce.request]) checkHostLimits(limits ?? {}, host);
  if (request.autoRemove === true && (request.restartPolicy?.name ?? 'no') !== 'no')
    throw refused(name, 'restart', 'it is removed at its end (--rm)');
  if (
    request.autoRemove === true &&
    (request.settings?.['security.protection.delete'] === 'true' || request.settings?.['boot.autostart'] === 'true')
  )
    throw refused(name, 'security.protection.delete or boot.autostart', 'it is removed at its end (--rm)');
  if (request.kind === 'system' && request.userNamespace === 'host' && request.privileged !== true)
    throw refused(name, 'security.privileged', "its root has the host's user ids (--userns host)");
  if (isOnDemand(after)) checkOnDemand(after);
  const hasNewPorts =
    JSON.stringify(request.ports ?? []) !== JSON.stringify(before.request.ports ?? []) && (request.ports ?? []).length > 0;
  if (hasNewPorts && (isClosed(after.network) || after.network.startsWith('container:')))
    throw refused(name, 'ports', 'it is in no network that leads out');
  if (
    Object.keys({ ...linkRatesOf(after), ...linkRatesOf(inForce) }).length > 0 &&
    (after.network === 'host' || after.network.startsWith('container:'))
  )
    throw refused(name, 'limits.network', `its links are not its own (--network ${after.network})`);
  // Those of a profile are for the machines that have it.
  if (after.kind !== 'system' && hasOwnLogins(after)) throw refused(name, 'ssh.keys', 'only machines have logins', 'launch a machine');
  const size = diskSizeOf(request);
  if (size === undefined && diskSizeOf(before.request) !== undefined)
    throw refused(name, 'limits.disk', 'a disk that was made with a limit keeps one', 'set a larger one');
}

function checkOnDemand({ name, request, network, exposedPorts }: ContainerRecord): void {
  if (request.autoRemove === true) throw refused(name, 'boot.on-demand', 'it is removed at its end (--rm)');
  if (portWishesOf({ request, network, exposedPorts }).length > 0) return;
  throw refused(
    name,
    'boot.on-demand',
    'it publishes no ports that somebody could connect to',
    `publish one: orlop set ${name} ports=8080:80`,
  );
}

function refused(container: string, key: string, why: string, hint?: string): OrlopError {
  return new OrlopError(
    'failed-precondition',
    'SETTING_REFUSED',
    `${key} of container ${container} cannot be set so: ${why}`,
    hint === undefined ? {} : { hint },
  );
}

interface Step {
  readonly before: ContainerRecord;
  readonly after: ContainerRecord;
  readonly facts: SettingFacts;
}

async function applyChange(context: EngineContext, container: LiveContainer, { before, after, facts }: Step): Promise<void> {
  saveRecord(context, container, onTheWay(before, after));
  try {
    await using undo = new AsyncDisposableStack();
    await applyDisk(context, before, after, undo);
    await exchangeDevices(context, container, { before, after, undo });
    if (isActive(after.state.status))
      await applyLive(context, container, { before: inForceOf(before, facts), after: inForceOf(after, facts), undo });
    undo.move();
  } catch (error) {
    saveRecord(context, container, { ...before, ports: container.record.ports });
    throw error;
  }
  saveRecord(context, container, settled(container.record));
}

async function applyDisk(
  context: EngineContext,
  before: ContainerRecord,
  after: ContainerRecord,
  undo: AsyncDisposableStack,
): Promise<void> {
  const [old, wanted] = [diskSizeOf(before.request), diskSizeOf(after.request)];
  if (wanted === undefined || wanted === old) return;
  await context.store.snapshots.resize(after.id, wanted);
  if (old !== undefined) undo.defer(() => context.store.snapshots.resize(after.id, old));
}

interface LiveStep {
  /** As the running container is held now, and as it is to be. */
  readonly before: ContainerRecord;
  readonly after: ContainerRecord;
  readonly undo: AsyncDisposableStack;
}

async function applyLive(context: EngineContext, container: LiveContainer, { before, after, undo }: LiveStep): Promise<void> {
  applyLimits(context, before, after);
  undo.defer(() => applyLimits(context, after, before));
  if (JSON.stringify(linkRatesOf(before)) !== JSON.stringify(linkRatesOf(after))) {
    undo.defer(() => context.networks.shape(before.id, linkRatesOf(before)));
    context.networks.shape(after.id, linkRatesOf(after));
  }
  await followWishes(context, container, { before, after, undo });
  await changeLogins(context, container, { before, after, undo });
}

async function changeLogins(context: EngineContext, container: LiveContainer, { before, after, undo }: LiveStep): Promise<void> {
  if (after.kind !== 'system' || JSON.stringify(loginKeysOf(before)) === JSON.stringify(loginKeysOf(after))) return;
  const apply = (record: ContainerRecord): Promise<void> =>
    withRunningRoot(context, container, (verbs) => verbs.applyKeys(wantedLogins(record)));
  undo.defer(() => apply(before));
  await apply(after);
}

function applyLimits(
  context: EngineContext,
  before: Pick<ContainerRecord, 'request' | 'run'>,
  { request }: Pick<ContainerRecord, 'request'>,
): void {
  if (before.run === null) return;
  const unlimited = {
    cpus: formatCpuList(readHostResources(context.cgroups).cpus),
    cpuShares: context.cgroups.mode === 'v2' ? usualSharesV2 : 1024,
  };
  const resources = planLimitChange(
    heldLimits(context, before.request),
    heldLimits(context, request),
    (path) => findBlockDevice(context.addon, path),
    unlimited,
  );
  if (resources !== null) openCgroup(context.cgroups, before.run.cgroup).apply(resources);
}

/** As far as this host has them. */
function heldLimits(context: EngineContext, { limits }: CreateRequest): NonNullable<CreateRequest['limits']> {
  return planLimits(limits, (limit) => supportsLimit(context.cgroups, limit)).limits ?? {};
}

/** The shares that make cpu.weight its usual 100. */
const usualSharesV2 = 2598;

/** What an earlier engine was killed over: a running container is held to what its record says, whichever step it came to. What cannot be is logged. */
export async function settleSettings(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record } = container;
  if (record.settling !== true) return;
  await context.queues.run(record.id, async () => {
    try {
      const facts = settingFacts(context, record);
      const wanted = inForceOf(record, facts);
      await settleDiskSize(context, record);
      if (isActive(record.state.status)) {
        applyLimits(context, { ...wanted, request: { ...wanted.request, limits: everyLimit(wanted, facts) } }, wanted);
        context.networks.shape(record.id, linkRatesOf(wanted));
        const ports = await exchangePorts(context, container, portWishesOf(wanted));
        container.record = { ...container.record, ports };
      }
      await settleDevices(context, container);
    } catch (error) {
      context.logger.warn('a container is not held to all of its settings', { container: record.name, error });
    }
    saveRecord(context, container, settled(container.record));
  });
}

/** Limits that differ from all that are wanted, so that each one is written again or taken away. */
function everyLimit({ request }: ContainerRecord, { disk }: SettingFacts): NonNullable<CreateRequest['limits']> {
  const { limits = {} } = request;
  const rates = disk.path === null ? [] : [{ path: disk.path, rate: 1 }];
  const io = { readBytes: rates, writeBytes: rates, readOperations: rates, writeOperations: rates };
  return { ...limits, ...io, memoryBytes: 1, memorySwapBytes: 1, nanoCpus: 1, cpuShares: 1, cpusetCpus: 'any', pids: 1 };
}
