import { OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { formatLimit, formatWhole, refuseResource, type CgroupVersion, type CgroupWrite } from './writes.ts';

type Memory = NonNullable<LinuxResources['memory']>;

/** What a cgroup holds now. v1's two limits must be written so that limit <= limit with swap at each step; v2's swap is told from the limit. */
export interface MemoryFacts {
  /** null: no limit. */
  readonly limitBytes: bigint | null;
  readonly usageBytes: bigint;
}

const at = 'linux.resources.memory';

export function planMemory(memory: Memory, version: CgroupVersion, facts: MemoryFacts): CgroupWrite[] {
  checkSwap(memory);
  checkBeforeUpdate(memory, facts);
  return version === 1 ? planV1(memory, facts) : planV2(memory, facts);
}

function checkSwap({ limit = 0, swap = 0 }: Memory): void {
  if (limit > 0 && swap > 0 && swap < limit) throw swapBelowMemory(swap, limit);
}

function swapBelowMemory(swap: number, limit: number): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_SWAP_BELOW_MEMORY', `${at}.swap ${swap} is below ${at}.limit ${limit}`, {
    hint: 'swap is memory and swap together: make it at least the memory limit',
  });
}

function checkBeforeUpdate(memory: Memory, facts: MemoryFacts): void {
  if (memory.checkBeforeUpdate !== true || memory.limit === undefined || memory.limit < 0) return;
  if (facts.usageBytes <= BigInt(memory.limit)) return;
  throw new OrlopError(
    'failed-precondition',
    'RUNTIME_MEMORY_IN_USE',
    `${at}.limit ${memory.limit} is below the ${facts.usageBytes} bytes in use`,
    {
      hint: 'choose a higher limit or leave checkBeforeUpdate out',
    },
  );
}

/** cgroup-v1/memory.rst. 0 means "not set" for every size, as runc reads it. */
function planV1(memory: Memory, facts: MemoryFacts): CgroupWrite[] {
  const write = (file: string, value: number | undefined, name: string): CgroupWrite[] =>
    value === undefined || value === 0 ? [] : [{ controller: 'memory', file, value: formatWhole(value), about: `${at}.${name}` }];
  const limit = write('memory.limit_in_bytes', memory.limit, 'limit');
  // Without a word about swap, "no memory limit" must not be caught by an older limit on memory and swap.
  const swapWanted = memory.limit === -1 && !memory.swap ? -1 : memory.swap;
  const swap = write('memory.memsw.limit_in_bytes', swapWanted, 'swap');
  const grows = memory.limit !== undefined && facts.limitBytes !== null && (memory.limit < 0 || BigInt(memory.limit) > facts.limitBytes);
  return [
    ...(grows ? [...swap, ...limit] : [...limit, ...swap]),
    ...write('memory.soft_limit_in_bytes', memory.reservation, 'reservation'),
    ...write('memory.kmem.limit_in_bytes', memory.kernel, 'kernel'),
    ...write('memory.kmem.tcp.limit_in_bytes', memory.kernelTCP, 'kernelTCP'),
    ...planSwappiness(memory.swappiness),
    ...(memory.disableOOMKiller === true
      ? [{ controller: 'memory', file: 'memory.oom_control', value: '1', about: `${at}.disableOOMKiller` } as const]
      : []),
  ];
}

function planSwappiness(swappiness: number | undefined): CgroupWrite[] {
  // Docker sends -1 for "as the host has it".
  if (swappiness === undefined || swappiness < 0) return [];
  if (swappiness > 100) {
    throw new OrlopError('invalid-argument', 'RUNTIME_SWAPPINESS', `${at}.swappiness ${swappiness} is not between 0 and 100`);
  }
  return [{ controller: 'memory', file: 'memory.swappiness', value: String(swappiness), about: `${at}.swappiness` }];
}

/** cgroup-v2.rst, "Memory": swap is counted alone there, in runtime-spec together with memory. */
function planV2(memory: Memory, facts: MemoryFacts): CgroupWrite[] {
  for (const name of ['kernel', 'kernelTCP'] as const) {
    if ((memory[name] ?? 0) > 0) throw refuseResource(`${at}.${name}`, 'cgroup v2 counts kernel memory with the rest');
  }
  if (memory.swappiness !== undefined && memory.swappiness >= 0)
    throw refuseResource(`${at}.swappiness`, 'cgroup v2 has no swappiness of its own');
  if (memory.disableOOMKiller === true) throw refuseResource(`${at}.disableOOMKiller`, 'cgroup v2 always kills');
  const write = (file: string, value: number | undefined, name: string): CgroupWrite[] =>
    value === undefined ? [] : [{ controller: 'memory', file, value: formatLimit(value), about: `${at}.${name}` }];
  const swap = swapAlone(memory, facts);
  return [
    // A kernel without swap has no such file, and nothing that "none" or "any" could mean.
    ...write('memory.swap.max', swap, 'swap').map((one) => (swap !== undefined && swap <= 0 ? { ...one, optional: true } : one)),
    ...write('memory.max', memory.limit === 0 ? undefined : memory.limit, 'limit'),
    ...write('memory.low', memory.reservation === 0 ? undefined : memory.reservation, 'reservation'),
  ];
}

function swapAlone({ limit = 0, swap = 0 }: Memory, facts: MemoryFacts): number | undefined {
  if (swap === 0) return limit === -1 ? -1 : undefined;
  if (swap < 0) return -1;
  const beside = limit === 0 ? Number(facts.limitBytes ?? -1n) : limit;
  if (beside < 0) {
    throw new OrlopError('invalid-argument', 'RUNTIME_SWAP_WITHOUT_MEMORY', `${at}.swap is set without ${at}.limit`, {
      hint: 'set the memory limit as well: swap is memory and swap together',
    });
  }
  if (swap < beside) throw swapBelowMemory(swap, beside);
  return swap - beside;
}
