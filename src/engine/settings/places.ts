import { OrlopError } from '#errors';
import {
  formatCpuShare,
  formatIoRate,
  formatPorts,
  formatSize,
  parseCpuShare,
  parseIoRate,
  parsePercent,
  parsePorts,
  parseSeconds,
  parseSize,
  type DeviceRate,
  type RestartPolicy,
} from '#wire';
import { configuredEnvironment } from '../container/effective.ts';
import type { ContainerRecord } from '../container/record.ts';
import type { CreateRequest, Limits } from '../model.ts';
import { checkSeedSetting } from '../system/seed-settings.ts';
import { diskSizeOf } from '../container/disk-limit.ts';

/** What values mean on this host, and for this container. */
export interface SettingFacts {
  readonly hostMemoryBytes: number;
  /** The block device that the data root lies on; null with the reason why it cannot be limited. */
  readonly disk: { readonly path: string } | { readonly path: null; readonly why: string };
  /** Of its image: what is there when nothing is asked for. */
  readonly imageEnv: readonly string[];
  readonly imageLabels: Readonly<Record<string, string>>;
}

/** Where a setting is in a record: pure, and inverse. `null` takes it away. */
interface SettingPlace {
  read(record: ContainerRecord, facts: SettingFacts): string | undefined;
  write(record: ContainerRecord, text: string | null, facts: SettingFacts): ContainerRecord;
}

/** What is kept as it is written, and looked at when it matters. */
const kept = (name: string): SettingPlace => ({
  read: ({ request }) => request.settings?.[name],
  write: (record, text) => withRequest(record, { settings: withEntry(record.request.settings, name, text) }),
});

/** What a machine's cloud-init is told; apps have none. */
function seedPlace(name: string): SettingPlace {
  const { read, write } = kept(name);
  return {
    read,
    write(record, text, facts) {
      if (text !== null && record.kind !== 'system') throw invalid(`${name} is for machines`, 'launch a machine');
      if (text !== null) checkSeedSetting(name, text);
      return write(record, text, facts);
    },
  };
}

const places: Readonly<Record<string, SettingPlace>> = {
  'limits.memory': {
    read: ({ request }) => (isSet(request.limits?.memoryBytes) ? formatSize(request.limits.memoryBytes) : undefined),
    write: writeMemory,
  },
  'limits.memory.swap': { read: ({ request }) => readSwap(request.limits ?? {}), write: writeSwap },
  'limits.cpu': { read: ({ request }) => readCpu(request.limits ?? {}), write: writeCpu },
  'limits.cpu.share': {
    read: ({ request }) => (isSet(request.limits?.cpuShares) ? String(request.limits.cpuShares) : undefined),
    write: (record, text) => withLimits(record, { cpuShares: text === null ? undefined : Number(text) }),
  },
  'limits.pids': {
    read: ({ request }) => (isSet(request.limits?.pids) ? String(request.limits.pids) : undefined),
    write: (record, text) => withLimits(record, { pids: text === null ? undefined : Number(text) }),
  },
  'limits.io.read': ioPlace('limits.io.read', 'readBytes', 'readOperations'),
  'limits.io.write': ioPlace('limits.io.write', 'writeBytes', 'writeOperations'),
  'limits.disk': {
    read: ({ request }) => {
      const bytes = diskSizeOf(request);
      return bytes === undefined ? undefined : formatSize(bytes);
    },
    write: (record, text) =>
      withRequest(record, {
        storageOptions: withEntry(record.request.storageOptions, 'size', text === null ? null : String(parseSize(text) ?? 0)),
      }),
  },
  'limits.nofile': { read: readFiles, write: writeFiles },
  'environment.': {
    // Read by name: see `readSetting`.
    read: () => undefined,
    write: (record) => record,
  },
  ports: {
    read: ({ request }) => formatPorts(request.ports ?? []),
    write: (record, text) => {
      const ports = text === null ? [] : parsePorts(text);
      return withRequest(record, { ports: ports.length === 0 ? undefined : ports });
    },
  },
  restart: {
    read: ({ request }) => (request.restartPolicy === undefined ? undefined : formatRestart(request.restartPolicy)),
    write: (record, text) => withRequest(record, { restartPolicy: text === null ? undefined : parseRestart(text) }),
  },
  'boot.stop.timeout': {
    read: ({ request }) => (request.stopTimeoutS === undefined ? undefined : `${request.stopTimeoutS}s`),
    write: (record, text) => withRequest(record, { stopTimeoutS: text === null ? undefined : parseSeconds('boot.stop.timeout', text) }),
  },
  'security.privileged': {
    read: ({ request }) => (request.privileged === true ? 'true' : undefined),
    write: (record, text) => withRequest(record, { privileged: text === 'true' ? true : undefined }),
  },
  'cloud-init.user-data': seedPlace('cloud-init.user-data'),
  'cloud-init.meta-data': seedPlace('cloud-init.meta-data'),
  'cloud-init.network-config': seedPlace('cloud-init.network-config'),
  'security.idmap.size': {
    read: ({ request }) => request.settings?.['security.idmap.size'],
    write: writeIdCount,
  },
  'security.nesting': {
    read: ({ kind }) => (kind === 'system' ? 'true' : undefined),
    write: writeNesting,
  },
};

/** undefined: it is not set. `name` is a whole name, `environment.PATH`. */
export function readSetting(record: ContainerRecord, name: string, facts: SettingFacts): string | undefined {
  const [variable, label] = [nameIn('environment.', name), nameIn('labels.', name)];
  if (variable !== null) return readVariable(record, variable);
  if (label !== null) return record.request.labels?.[label];
  return (places[name] ?? kept(name)).read(record, facts);
}

/** `text` is canonical (`canonicalSetting`). invalid-argument for what cannot be on this host or beside other settings. */
export function writeSetting(record: ContainerRecord, name: string, text: string | null, facts: SettingFacts): ContainerRecord {
  const [variable, label] = [nameIn('environment.', name), nameIn('labels.', name)];
  if (variable !== null) return writeVariable(record, variable, text, facts);
  if (label !== null) return writeLabel(record, label, text, facts);
  return (places[name] ?? kept(name)).write(record, text, facts);
}

/** Names of all that is set, of families too. `security.nesting` of a machine is no choice and not among them. */
export function namesSet(record: ContainerRecord, facts: SettingFacts): string[] {
  const { request } = record;
  const variables = (request.env ?? [])
    .filter((entry) => entry.includes('='))
    .map((entry) => `environment.${entry.slice(0, entry.indexOf('='))}`);
  const labels = Object.keys(request.labels ?? {}).map((label) => `labels.${label}`);
  const fixed = Object.keys(places).filter(
    (name) => !name.endsWith('.') && name !== 'security.nesting' && places[name]?.read(record, facts) !== undefined,
  );
  return [...new Set([...fixed, ...variables, ...labels, ...Object.keys(request.settings ?? {})])];
}

export function withRequest(
  record: ContainerRecord,
  change: { [Key in keyof CreateRequest]?: CreateRequest[Key] | undefined },
): ContainerRecord {
  return { ...record, request: compact({ ...record.request, ...change }) as CreateRequest };
}

function withLimits(record: ContainerRecord, change: { [Key in keyof Limits]?: Limits[Key] | undefined }): ContainerRecord {
  const limits = compact({ ...record.request.limits, ...change }) as Limits;
  return withRequest(record, { limits: Object.keys(limits).length === 0 ? undefined : limits });
}

function compact(draft: object): object {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined));
}

/** undefined when nothing is left. */
function withEntry(
  map: Readonly<Record<string, string>> | undefined,
  key: string,
  text: string | null,
): Record<string, string> | undefined {
  const { [key]: _, ...rest } = map ?? {};
  const whole = text === null ? rest : { ...rest, [key]: text };
  return Object.keys(whole).length === 0 ? undefined : whole;
}

function isSet(value: number | undefined): value is number {
  return value !== undefined && value > 0;
}

function nameIn(family: string, name: string): string | null {
  return name.startsWith(family) && name.length > family.length ? name.slice(family.length) : null;
}

function invalid(message: string, hint: string): OrlopError {
  return new OrlopError('invalid-argument', 'SETTING_VALUE', message, { hint });
}

/** Swap beside memory stays what it was. */
function writeMemory(record: ContainerRecord, text: string | null, facts: SettingFacts): ContainerRecord {
  const swap = readSwap(record.request.limits ?? {});
  if (text === null) {
    const bare = withLimits(record, { memoryBytes: undefined, memorySwapBytes: undefined });
    if (swap === undefined || swap === 'true') return bare;
    throw invalid('limits.memory cannot go while limits.memory.swap is set', 'unset limits.memory.swap as well');
  }
  const share = parsePercent(text);
  const bytes = share === null ? (parseSize(text) ?? 0) : Math.floor((facts.hostMemoryBytes * share) / 4096) * 4096;
  if (bytes <= 0) throw invalid(`limits.memory: ${text} is nothing`, 'give a size such as 512M');
  const next = withLimits(record, { memoryBytes: bytes });
  return swap === undefined ? next : writeSwap(next, swap);
}

function readSwap({ memoryBytes = 0, memorySwapBytes = 0 }: Limits): string | undefined {
  if (memorySwapBytes < 0) return 'true';
  if (memorySwapBytes === 0 || memoryBytes <= 0) return undefined;
  return memorySwapBytes === memoryBytes ? 'false' : formatSize(memorySwapBytes - memoryBytes);
}

function writeSwap(record: ContainerRecord, text: string | null): ContainerRecord {
  if (text === null) return withLimits(record, { memorySwapBytes: undefined });
  if (text === 'true') return withLimits(record, { memorySwapBytes: -1 });
  const memory = record.request.limits?.memoryBytes ?? 0;
  if (memory <= 0) throw invalid('limits.memory.swap needs limits.memory: swap is counted beside it', 'set limits.memory as well');
  return withLimits(record, { memorySwapBytes: memory + (text === 'false' ? 0 : (parseSize(text) ?? 0)) });
}

function readCpu({ nanoCpus, cpuQuotaUs, cpuPeriodUs, cpusetCpus }: Limits): string | undefined {
  return formatCpuShare({
    ...(isSet(nanoCpus) ? { nano: nanoCpus } : {}),
    ...(isSet(cpuQuotaUs) ? { quotaUs: cpuQuotaUs } : {}),
    ...(isSet(cpuPeriodUs) ? { periodUs: cpuPeriodUs } : {}),
    ...(cpusetCpus === undefined || cpusetCpus === '' ? {} : { pins: cpusetCpus }),
  });
}

function writeCpu(record: ContainerRecord, text: string | null): ContainerRecord {
  const { nano, quotaUs, periodUs, pins } = text === null ? {} : parseCpuShare(text);
  return withLimits(record, { nanoCpus: nano, cpuQuotaUs: quotaUs, cpuPeriodUs: periodUs, cpusetCpus: pins });
}

type RateField = 'readBytes' | 'writeBytes' | 'readOperations' | 'writeOperations';

/** Of the data root's disk only: rates of other devices are as they were made. */
function ioPlace(name: string, bytesField: RateField, operationsField: RateField): SettingPlace {
  return {
    read({ request }, { disk }) {
      const rateOf = (field: RateField): number | undefined => request.limits?.[field]?.find(({ path }) => path === disk.path)?.rate;
      const [bytes, operations] = [rateOf(bytesField), rateOf(operationsField)];
      return formatIoRate({ ...(isSet(bytes) ? { bytes } : {}), ...(isSet(operations) ? { operations } : {}) });
    },
    write(record, text, { disk }) {
      if (disk.path === null) {
        if (text === null) return record;
        throw new OrlopError('failed-precondition', 'SETTING_NO_DISK', `${name} cannot be set: ${disk.why}`, {
          hint: 'put the data root on a disk of its own, or limit devices by name with: orlop run --device-read-bps',
        });
      }
      const { path } = disk;
      const { bytes, operations } = text === null ? {} : parseIoRate(name, text);
      const listOf = (field: RateField, rate: number | undefined): readonly DeviceRate[] | undefined => {
        const others = (record.request.limits?.[field] ?? []).filter((one) => one.path !== path);
        const all = rate === undefined ? others : [...others, { path, rate }];
        return all.length === 0 ? undefined : all;
      };
      return withLimits(record, { [bytesField]: listOf(bytesField, bytes), [operationsField]: listOf(operationsField, operations) });
    },
  };
}

function readFiles({ request }: ContainerRecord): string | undefined {
  const limit = request.ulimits?.find(({ name }) => name === 'nofile');
  if (limit === undefined) return undefined;
  return limit.soft === limit.hard ? String(limit.soft) : `${limit.soft}:${limit.hard}`;
}

function writeFiles(record: ContainerRecord, text: string | null): ContainerRecord {
  const others = (record.request.ulimits ?? []).filter(({ name }) => name !== 'nofile');
  const [soft = 0, hard = soft] = (text ?? '').split(':').map(Number);
  const ulimits = text === null ? others : [...others, { name: 'nofile', soft, hard }];
  return withRequest(record, { ulimits: ulimits.length === 0 ? undefined : ulimits });
}

function writeIdCount(record: ContainerRecord, text: string | null, facts: SettingFacts): ContainerRecord {
  const { userNamespace, privileged } = record.request;
  if (text !== null && (userNamespace === 'host' || (privileged === true && userNamespace !== 'auto')))
    throw invalid("security.idmap.size is for containers with users of their own: this one has the host's", 'leave it out');
  return kept('security.idmap.size').write(record, text, facts);
}

function writeNesting(record: ContainerRecord, text: string | null): ContainerRecord {
  if (text === null || (record.kind === 'system') === (text === 'true')) return record;
  throw record.kind === 'system'
    ? invalid(
        'security.nesting cannot be false: a machine has all rights within its own users',
        'run what must not nest as an app container',
      )
    : invalid('security.nesting is for machines', 'launch a machine, or set security.privileged');
}

function readVariable({ request }: ContainerRecord, variable: string): string | undefined {
  return request.env?.findLast((entry) => entry.startsWith(`${variable}=`))?.slice(variable.length + 1);
}

function writeVariable(record: ContainerRecord, variable: string, text: string | null, { imageEnv }: SettingFacts): ContainerRecord {
  const others = (record.request.env ?? []).filter((entry) => entry !== variable && !entry.startsWith(`${variable}=`));
  const env = text === null ? others : [...others, `${variable}=${text}`];
  const process = { ...record.process, env: configuredEnvironment(imageEnv, env) };
  return withRequest({ ...record, process }, { env: env.length === 0 ? undefined : env });
}

function writeLabel(record: ContainerRecord, label: string, text: string | null, { imageLabels }: SettingFacts): ContainerRecord {
  const asked = withEntry(record.request.labels, label, text);
  const { [label]: _, ...others } = record.labels;
  const inherited = imageLabels[label];
  const own = text ?? inherited;
  return withRequest({ ...record, labels: own === undefined ? others : { ...others, [label]: own } }, { labels: asked });
}

function formatRestart({ name, maximumRetries = 0 }: RestartPolicy): string {
  return maximumRetries > 0 ? `${name}:${maximumRetries}` : name;
}

function parseRestart(text: string): RestartPolicy {
  const [word, retries] = text.split(':');
  const name = (['no', 'always', 'unless-stopped', 'on-failure'] as const).find((one) => one === word) ?? 'no';
  return Number(retries) > 0 ? { name, maximumRetries: Number(retries) } : { name };
}
