import {
  array,
  boolean,
  cString,
  type Decoder,
  int64,
  integer,
  object,
  oneOf,
  optional,
  record,
  required,
  string,
  uint32,
  uint64,
} from '../json/decode.ts';
import type {
  LinuxBlockIO,
  LinuxCpu,
  LinuxDeviceCgroup,
  LinuxMemory,
  LinuxNetworkCgroup,
  LinuxResources,
  LinuxThrottleDevice,
  LinuxWeightDevice,
} from './resources.ts';

const uint16 = integer(0, 65535);

const deviceRule = object<LinuxDeviceCgroup>({
  allow: required(boolean),
  type: optional(oneOf(['a', 'c', 'b'])),
  major: optional(int64),
  minor: optional(int64),
  access: optional(string),
});

const memory = object<LinuxMemory>({
  limit: optional(int64),
  reservation: optional(int64),
  swap: optional(int64),
  kernel: optional(int64),
  kernelTCP: optional(int64),
  swappiness: optional(uint64),
  disableOOMKiller: optional(boolean),
  useHierarchy: optional(boolean),
  checkBeforeUpdate: optional(boolean),
});

const cpu = object<LinuxCpu>({
  shares: optional(uint64),
  quota: optional(int64),
  burst: optional(uint64),
  period: optional(uint64),
  realtimeRuntime: optional(int64),
  realtimePeriod: optional(uint64),
  cpus: optional(cString),
  mems: optional(cString),
  idle: optional(int64),
});

const weightDevice = object<LinuxWeightDevice>({
  major: required(int64),
  minor: required(int64),
  weight: optional(uint16),
  leafWeight: optional(uint16),
});

const throttleDevice = object<LinuxThrottleDevice>({ major: required(int64), minor: required(int64), rate: required(uint64) });

const blockIO = object<LinuxBlockIO>({
  weight: optional(uint16),
  leafWeight: optional(uint16),
  weightDevice: optional(array(weightDevice)),
  throttleReadBpsDevice: optional(array(throttleDevice)),
  throttleWriteBpsDevice: optional(array(throttleDevice)),
  throttleReadIOPSDevice: optional(array(throttleDevice)),
  throttleWriteIOPSDevice: optional(array(throttleDevice)),
});

const network = object<LinuxNetworkCgroup>({
  classID: optional(uint32),
  priorities: optional(array(object<{ name: string; priority: number }>({ name: required(cString), priority: required(uint32) }))),
});

export const resourcesDecoder: Decoder<LinuxResources> = object<LinuxResources>({
  devices: optional(array(deviceRule)),
  memory: optional(memory),
  cpu: optional(cpu),
  pids: optional(object<{ limit?: number }>({ limit: optional(int64) })),
  blockIO: optional(blockIO),
  hugepageLimits: optional(array(object<{ pageSize: string; limit: number }>({ pageSize: required(cString), limit: required(uint64) }))),
  network: optional(network),
  rdma: optional(
    record(object<{ hcaHandles?: number; hcaObjects?: number }>({ hcaHandles: optional(uint32), hcaObjects: optional(uint32) })),
  ),
  unified: optional(record(cString)),
});

/** Fails with invalid-argument `OCI_BAD_JSON`; for `update`, which takes resources alone. */
export const parseResources = (json: unknown): LinuxResources => resourcesDecoder(json, 'resources');
