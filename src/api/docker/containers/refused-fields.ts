import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';

/** A field of Docker's that Orlop has no meaning for yet: what people call it, and the values that ask for nothing. */
interface RefusedField {
  readonly words: string;
  readonly harmless?: readonly unknown[];
}

const hostFields: Readonly<Record<string, RefusedField>> = {
  Cgroup: { words: 'sharing a cgroup' },
  DiskQuota: { words: 'disk quotas' },
  CpuCount: { words: 'CPU counts of Windows' },
  CpuPercent: { words: 'CPU shares of Windows' },
  IOMaximumIOps: { words: 'I/O limits of Windows' },
  IOMaximumBandwidth: { words: 'I/O limits of Windows' },
};

/** What a container is given for good: an update cannot change it. Docker passes over these. */
const fixedFields: Readonly<Record<string, RefusedField>> = {
  CgroupParent: { words: 'another parent cgroup for a container that is there' },
  Devices: { words: 'further devices for a container that is there' },
  DeviceCgroupRules: { words: 'further device rules for a container that is there' },
  DeviceRequests: { words: 'further devices for a container that is there' },
  MemorySwappiness: { words: 'another swappiness for a container that is there', harmless: [-1] },
  OomKillDisable: { words: 'switching the out-of-memory killer off later' },
};

/** unimplemented, naming the first field that asks for what Orlop cannot do. Fields that Docker does not know either are ignored, as Docker does. */
export function refuseUnsupported(host: JsonReader): void {
  refuseFields(host, hostFields);
}

/** The same for an update. */
export function refuseUnchangeable(host: JsonReader): void {
  refuseFields(host, { ...hostFields, ...fixedFields });
}

/** Warnings in Docker's words about fields that no kernel has a meaning for any more. */
export function warnOfIgnored(host: JsonReader): string[] {
  const asked = ['KernelMemory', 'KernelMemoryTCP'].some((field) => host.integer(field) > 0);
  return asked ? ['Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.'] : [];
}

function refuseFields(host: JsonReader, fields: Readonly<Record<string, RefusedField>>): void {
  for (const [field, facts] of Object.entries(fields)) {
    if (!isHarmless(field, host.raw(field), facts)) throw refused(facts.words, `HostConfig.${field}`);
  }
}

function isHarmless(field: string, value: unknown, { harmless }: RefusedField): boolean {
  if (isEmpty(value) || harmless?.includes(value) === true) return true;
  return false;
}

/** Null, and the zero values of Go's types. A map with a key asks for something, whatever the value: ports and volumes come as such. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function refused(words: string, field: string): OrlopError {
  const verb = words.endsWith('s') && !words.endsWith('ss') ? 'are' : 'is';
  return new OrlopError('unimplemented', 'DOCKER_UNSUPPORTED_FIELD', `${words} (${field}) ${verb} not supported yet`);
}
