import { OrlopError } from '#errors';
import { openCgroup, supportsLimit } from '#runtime';
import { publishContainerEvent, saveRecord, type EngineContext } from '../context.ts';
import type { ContainerChange, CreateRequest, Limits } from '../model.ts';
import { findBlockDevice } from '../spec/devices.ts';
import { planLimits } from '../spec/plan-limits.ts';
import { limitsToResources } from '../spec/resources.ts';
import { checkHostLimits, readHostResources } from './host-limits.ts';
import { settingFacts } from '../settings/facts.ts';
import { withoutStaleOnce } from '../settings/plan-change.ts';
import { isActive } from './record.ts';

/** Changes limits and restart policy, in Docker's words when that cannot be. The kernel is asked first: what it refuses is not written down. Answers warnings. */
export async function updateContainer(context: EngineContext, ref: string, asked: ContainerChange): Promise<readonly string[]> {
  const container = context.table.find(ref);
  const planned = planLimits(asked.limits, (limit) => supportsLimit(context.cgroups, limit));
  const { limits: _, ...rest } = asked;
  const change: ContainerChange = { ...rest, ...(planned.limits === undefined ? {} : { limits: planned.limits }) };
  await context.queues.run(container.record.id, async () => {
    const { record } = container;
    if (record.request.autoRemove === true && change.restartPolicy !== undefined)
      throw invalid('Restart policy cannot be updated because AutoRemove is enabled for the container');
    checkHostLimits(change.limits ?? {}, readHostResources(context.cgroups));
    const limits = mergeLimits(record.request, change.limits ?? {});
    if (isActive(record.state.status) && record.run !== null && change.limits !== undefined)
      openCgroup(context.cgroups, record.run.cgroup).apply(
        limitsToResources(limits.changed, (path) => findBlockDevice(context.addon, path)),
      );
    const { limits: _before, ...others } = record.request;
    const request: CreateRequest = {
      ...others,
      ...(Object.keys(limits.whole).length === 0 ? {} : { limits: limits.whole }),
      ...(change.restartPolicy === undefined ? {} : { restartPolicy: change.restartPolicy }),
    };
    const facts = settingFacts(context, record);
    saveRecord(context, container, withoutStaleOnce(record, { ...record, request }, facts));
    publishContainerEvent(context, container, 'update');
  });
  return planned.warnings;
}

/** CPUs are either counted, or a quota of a period; Docker's words. */
function checkCpuKinds(before: Limits, change: Limits): void {
  const quotas = [
    ['CPU Period', 'cpuPeriodUs'],
    ['CPU Quota', 'cpuQuotaUs'],
  ] as const;
  for (const [name, key] of quotas) {
    if (change.nanoCpus !== undefined && before[key] !== undefined)
      throw invalid(`Conflicting options: Nano CPUs cannot be updated as ${name} has already been set`);
    if (change[key] !== undefined && before.nanoCpus !== undefined)
      throw invalid(`Conflicting options: ${name} cannot be updated as NanoCPUs has already been set`);
  }
}

/** `changed`: what the kernel is told, memory always with its swap, since one bounds the other. */
function mergeLimits({ limits: before = {} }: CreateRequest, change: Limits): { whole: Limits; changed: Limits } {
  const whole = mergeDevices(before, { ...before, ...change });
  const { memoryBytes = 0, memorySwapBytes = 0 } = whole;
  if (memorySwapBytes > 0 && memoryBytes > memorySwapBytes)
    throw invalid('Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time');
  checkCpuKinds(before, change);
  const memory =
    change.memoryBytes !== undefined || change.memorySwapBytes !== undefined
      ? { memoryBytes: whole.memoryBytes, memorySwapBytes: whole.memorySwapBytes }
      : {};
  const changed = Object.fromEntries(Object.entries({ ...change, ...memory }).filter(([, value]) => value !== undefined)) as Limits;
  return { whole, changed };
}

const deviceLists = ['ioWeightDevices', 'readBytes', 'writeBytes', 'readOperations', 'writeOperations'] as const;

/** Of devices, a change says something of those that it names: 0 lifts what there was. */
function mergeDevices(before: Limits, changed: Limits): Limits {
  const lists = deviceLists.flatMap((name) => {
    const [old = [], asked = []] = [before[name], changed[name]];
    if (asked === old) return [];
    const named = new Set(asked.map(({ path }) => path));
    const all = [
      ...old.filter(({ path }) => !named.has(path)),
      ...asked.filter((entry) => ('rate' in entry ? entry.rate : entry.weight) > 0),
    ];
    return [[name, all.length === 0 ? undefined : all] as const];
  });
  const whole = Object.entries({ ...changed, ...Object.fromEntries(lists) });
  return Object.fromEntries(whole.filter(([, value]) => value !== undefined)) as Limits;
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_BAD_UPDATE', message);
}
