import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { CreateRequest, DeviceRequest, HealthCheck, Limits, RestartPolicy } from '#wire';
import { decodeMountWish } from './decode-mounts.ts';
import { decodeEndpoints, decodePortWish } from './decode-networks.ts';

export interface LaunchRequest {
  readonly source: string;
  readonly request: Omit<CreateRequest, 'image' | 'kind'>;
}

type Decoder = (body: JsonReader, key: string) => unknown;

const text: Decoder = (body, key) => body.text(key);
const flag: Decoder = (body, key) => body.flag(key);
const integer: Decoder = (body, key) => body.integer(key);
const rates: Decoder = (body, key) => body.objects(key).map((entry) => ({ path: entry.text('path'), rate: entry.integer('rate') }));
const texts: Decoder = (body, key) => body.texts(key) ?? [];
const textMap: Decoder = (body, key) => body.textMap(key) ?? {};

const limitFields: Readonly<Record<keyof Limits, Decoder>> = {
  memoryBytes: integer,
  memorySwapBytes: integer,
  memoryReservationBytes: integer,
  nanoCpus: integer,
  cpuShares: integer,
  cpuQuotaUs: integer,
  cpuPeriodUs: integer,
  cpusetCpus: text,
  cpusetMems: text,
  pids: integer,
  swappiness: integer,
  noOutOfMemoryKill: flag,
  realtimePeriodUs: integer,
  realtimeRuntimeUs: integer,
  ioWeight: integer,
  ioWeightDevices: (body, key) => body.objects(key).map((entry) => ({ path: entry.text('path'), weight: entry.integer('weight') })),
  readBytes: rates,
  writeBytes: rates,
  readOperations: rates,
  writeOperations: rates,
};

/** Every field of a create request that makes sense for a whole system, and how it is read. */
const fields: Readonly<Record<string, Decoder>> = {
  name: text,
  env: texts,
  hostname: text,
  domainname: text,
  labels: textMap,
  stopSignal: text,
  stopTimeoutS: integer,
  autoRemove: flag,
  logging: (body, key) => decodeFields(body.object(key), { driver: text, options: textMap }),
  healthCheck: (body, key) => decodeHealth(body.object(key)),
  onUnhealthy: oneOf('none', 'restart', 'stop'),
  restartPolicy: (body, key) => decodeRestart(body.object(key)),
  privileged: flag,
  userNamespace: oneOf('auto', 'host'),
  network: text,
  endpoints: (body, key) => decodeEndpoints(body.object(key)),
  mac: text,
  ports: (body, key) => body.objects(key).map(decodePortWish),
  publishAll: flag,
  exposedPorts: texts,
  dns: texts,
  dnsSearch: texts,
  dnsOptions: texts,
  readOnlyRoot: flag,
  storageOptions: textMap,
  capAdd: texts,
  capDrop: texts,
  seccompProfile: text,
  appArmorProfile: text,
  noNewPrivileges: flag,
  securityOptions: texts,
  annotations: textMap,
  maskedPaths: texts,
  readonlyPaths: texts,
  cgroupParent: text,
  devices: (body, key) =>
    body
      .objects(key)
      .map((entry) => ({ source: entry.text('source'), target: entry.text('target'), permissions: entry.text('permissions') })),
  deviceRules: texts,
  deviceRequests: (body, key) => body.objects(key).map(decodeDeviceRequest),
  sysctls: textMap,
  ulimits: (body, key) =>
    body.objects(key).map((entry) => ({ name: entry.text('name'), soft: entry.integer('soft'), hard: entry.integer('hard') })),
  shmSizeBytes: integer,
  tmpfs: textMap,
  oomScoreAdjust: integer,
  limits: (body, key) => decodeFields(body.object(key), limitFields),
  extraHosts: texts,
  mounts: (body, key) => body.objects(key).map(decodeMountWish),
  volumesFrom: texts,
  volumes: texts,
  volumeDriver: text,
  entrypoint: texts,
  command: texts,
  settings: textMap,
  profiles: texts,
};

/** `POST /orlop/v1/launch`. Our own API is strict: an unknown field is invalid-argument. */
export function decodeLaunch(body: JsonReader): LaunchRequest {
  const source = body.text('source');
  if (source === '') {
    throw new OrlopError('invalid-argument', 'ORLOP_NO_SOURCE', 'nothing to launch', {
      hint: 'name a template such as debian/trixie, or an image',
    });
  }
  return { source, request: decodeFields(body, fields, 'source') };
}

function decodeFields(body: JsonReader, decoders: Readonly<Record<string, Decoder>>, also?: string): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const key of body.keys) {
    if (key === also) continue;
    const decode = Object.hasOwn(decoders, key) ? decoders[key] : undefined;
    if (decode === undefined) throw new OrlopError('invalid-argument', 'ORLOP_UNKNOWN_FIELD', `unknown field ${JSON.stringify(key)}`);
    decoded[key] = decode(body, key);
  }
  return decoded;
}

function decodeDeviceRequest(request: JsonReader): DeviceRequest {
  const sets = request.raw('capabilities') ?? [];
  const isTexts = (item: unknown): item is string[] => Array.isArray(item) && item.every((word) => typeof word === 'string');
  if (!Array.isArray(sets) || !sets.every(isTexts))
    throw new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', 'deviceRequests.capabilities must be lists of texts');
  return {
    driver: request.text('driver'),
    count: request.integer('count'),
    ids: request.texts('ids') ?? [],
    capabilities: sets,
    options: request.textMap('options') ?? {},
  };
}

function oneOf(...values: readonly string[]): Decoder {
  return (body, key) => {
    const value = body.text(key);
    if (values.includes(value)) return value;
    throw new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', `${key} must be one of ${values.join(', ')}`);
  };
}

function decodeRestart(policy: JsonReader): RestartPolicy {
  const known: readonly RestartPolicy['name'][] = ['no', 'always', 'unless-stopped', 'on-failure'];
  const name = known.find((one) => one === policy.text('name'));
  if (name === undefined)
    throw new OrlopError('invalid-argument', 'ORLOP_BAD_RESTART', `restartPolicy.name must be one of ${known.join(', ')}`);
  const maximumRetries = policy.integer('maximumRetries');
  return maximumRetries > 0 ? { name, maximumRetries } : { name };
}

function decodeHealth(check: JsonReader): HealthCheck {
  const names = ['intervalNs', 'timeoutNs', 'startPeriodNs', 'startIntervalNs', 'retries'] as const;
  const values = names.map((name) => [name, check.integer(name)] as const).filter(([, value]) => value > 0);
  return { test: check.texts('test') ?? [], ...Object.fromEntries(values) };
}
