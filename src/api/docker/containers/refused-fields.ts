import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';

/** A field of Docker's that Orlop has no meaning for yet: what people call it, and the values that ask for nothing. */
interface RefusedField {
  readonly words: string;
  readonly harmless?: readonly unknown[];
}

const hostFields: Readonly<Record<string, RefusedField>> = {
  LogConfig: { words: 'log drivers and their options' },
  Links: { words: 'links' },
  Cgroup: { words: 'sharing a cgroup' },
  CgroupParent: { words: 'a parent cgroup' },
  CgroupnsMode: { words: 'a cgroup namespace other than private', harmless: ['private'] },
  IpcMode: { words: 'an IPC namespace other than private', harmless: ['private'] },
  PidMode: { words: 'a PID namespace other than private', harmless: ['private'] },
  UTSMode: { words: "the host's UTS namespace", harmless: ['private'] },
  Isolation: { words: 'isolation technologies', harmless: ['default'] },
  Runtime: { words: 'other runtimes', harmless: ['orlop'] },
  Annotations: { words: 'annotations' },
  DiskQuota: { words: 'disk quotas' },
  BlkioWeight: { words: 'block I/O weights' },
  BlkioWeightDevice: { words: 'block I/O weights' },
  BlkioDeviceReadBps: { words: 'block I/O limits' },
  BlkioDeviceWriteBps: { words: 'block I/O limits' },
  BlkioDeviceReadIOps: { words: 'block I/O limits' },
  BlkioDeviceWriteIOps: { words: 'block I/O limits' },
  Devices: { words: 'devices' },
  DeviceCgroupRules: { words: 'device rules' },
  DeviceRequests: { words: 'device requests such as GPUs' },
  KernelMemory: { words: 'kernel memory limits' },
  KernelMemoryTCP: { words: 'kernel memory limits' },
  MemorySwappiness: { words: 'swappiness', harmless: [-1] },
  OomKillDisable: { words: 'switching the out-of-memory killer off' },
  CpuRealtimePeriod: { words: 'real-time scheduling' },
  CpuRealtimeRuntime: { words: 'real-time scheduling' },
  CpuCount: { words: 'CPU counts of Windows' },
  CpuPercent: { words: 'CPU shares of Windows' },
  IOMaximumIOps: { words: 'I/O limits of Windows' },
  IOMaximumBandwidth: { words: 'I/O limits of Windows' },
};

/** Empty lists mean something here: they unmask. */
const pathFields = ['MaskedPaths', 'ReadonlyPaths'] as const;

const configFields: Readonly<Record<string, RefusedField>> = {
  OnBuild: { words: 'build triggers' },
  Shell: { words: 'a shell for the shell form' },
};

/** unimplemented, naming the first field that asks for what Orlop cannot do. Fields that Docker does not know either are ignored, as Docker does. */
export function refuseUnsupported(config: JsonReader, host: JsonReader): void {
  refuseHostFields(host);
  for (const [field, facts] of Object.entries(configFields)) {
    if (!isHarmless(field, config.raw(field), facts)) throw refused(facts.words, field);
  }
}

/** The same for what is a HostConfig, or a part of one. */
export function refuseHostFields(host: JsonReader): void {
  for (const [field, facts] of Object.entries(hostFields)) {
    if (!isHarmless(field, host.raw(field), facts)) throw refused(facts.words, `HostConfig.${field}`);
  }
  for (const field of pathFields) {
    if ((host.raw(field) ?? null) !== null) throw refused('a choice of masked or read-only paths', `HostConfig.${field}`);
  }
}

function isHarmless(field: string, value: unknown, { harmless }: RefusedField): boolean {
  if (isEmpty(value) || harmless?.includes(value) === true) return true;
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  if (field === 'LogConfig') return (isEmpty(record['Type']) || record['Type'] === 'json-file') && isEmpty(record['Config']);
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
