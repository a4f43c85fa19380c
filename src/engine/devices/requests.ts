import { OrlopError } from '#errors';
import type { CdiEdits } from '#oci';
import type { DeviceRequest } from '#wire';
import type { CdiRegistry, KnownDevice } from './cdi-registry.ts';

/** What requests for devices mean on this host: edits in the order in which they are made. Pure. */
export function resolveRequests(requests: readonly DeviceRequest[], registry: CdiRegistry): CdiEdits[] {
  const known = requests.flatMap((request) => namesOf(request, registry)).map((name) => findDevice(name, registry));
  const specs = new Set<KnownDevice['spec']>();
  return known.flatMap(({ device, spec, file }) => {
    const shared = specs.has(spec) ? [] : [spec.edits];
    specs.add(spec);
    const edits = [...shared, device.edits];
    for (const { unsupported } of edits)
      if (unsupported[0] !== undefined) throw cannotEdit(`${spec.kind}=${device.name}`, unsupported[0], file);
    return edits;
  });
}

function namesOf(request: DeviceRequest, registry: CdiRegistry): readonly string[] {
  const { driver, ids, capabilities, options = {} } = request;
  if (driver === 'cdi') return ids;
  const wantsGpu = capabilities.some((set) => set.includes('gpu'));
  const kind = wantsGpu && (driver === '' || driver === 'nvidia') ? gpuKind(driver, registry) : null;
  if (kind === null) throw noDriver(request, wantsGpu, registry);
  const [option] = Object.keys(options);
  if (option !== undefined)
    throw new OrlopError(
      'unimplemented',
      'ENGINE_GPU_OPTION',
      `the option ${option} of a request for GPUs is not supported: they are described by CDI`,
      {
        hint: 'leave it out',
      },
    );
  if (ids.length > 0) return ids.map((id) => `${kind}=${id}`);
  return chooseGpus(kind, request.count, registry);
}

/** The kind of GPUs that this host has: NVIDIA's before others. */
function gpuKind(driver: string, { devices }: CdiRegistry): string | null {
  const kinds = new Set([...devices.values()].map(({ spec }) => spec.kind).filter((kind) => kind.endsWith('/gpu')));
  if (kinds.has('nvidia.com/gpu')) return 'nvidia.com/gpu';
  return driver === 'nvidia' ? null : ([...kinds].toSorted()[0] ?? null);
}

function chooseGpus(kind: string, count: number, { devices }: CdiRegistry): string[] {
  const all = `${kind}=all`;
  if (count < 0 && devices.has(all)) return [all];
  const names = [...devices.keys()].filter((name) => name.startsWith(`${kind}=`) && name !== all);
  // Indices and unique ids may name the same cards.
  const indexed = names.filter((name) => /=\d+$/.test(name)).toSorted((one, other) => indexOf(one) - indexOf(other));
  const single = indexed.length > 0 ? indexed : names.toSorted();
  if (count < 0) return single;
  if (single.length >= count) return single.slice(0, count);
  throw new OrlopError(
    'failed-precondition',
    'ENGINE_TOO_FEW_GPUS',
    `${count} GPUs were asked for, and this host describes ${single.length} (${kind})`,
    {
      hint: 'ask for fewer, or for all',
    },
  );
}

function indexOf(name: string): number {
  return Number(name.slice(name.indexOf('=') + 1));
}

function findDevice(name: string, { devices, problems }: CdiRegistry): KnownDevice {
  const known = devices.get(name);
  if (known !== undefined) return known;
  const others = [...devices.keys()];
  const hint =
    problems.length > 0
      ? problems.join('; ')
      : others.length === 0
        ? 'no device is described: put its specification into /etc/cdi or /var/run/cdi'
        : `described are ${others.slice(0, 20).join(', ')}`;
  throw new OrlopError('failed-precondition', 'ENGINE_CDI_UNRESOLVED', `CDI device injection failed: unresolvable CDI devices ${name}`, {
    hint,
  });
}

function cannotEdit(name: string, property: string, file: string): OrlopError {
  const hooks = property === 'hooks';
  return new OrlopError(
    'unimplemented',
    'ENGINE_CDI_UNSUPPORTED',
    `CDI device ${name} cannot be given: ${file} asks for ${property}${hooks ? ', programs of the host that would run over files of the container' : ''}`,
    { hint: hooks ? 'generate it without: nvidia-ctk cdi generate --disable-hook=all' : 'take it out of the specification' },
  );
}

/** Docker's words, and what to do. */
function noDriver({ driver, capabilities }: DeviceRequest, wantsGpu: boolean, { problems }: CdiRegistry): OrlopError {
  const sets = `[${capabilities.map((set) => `[${set.join(' ')}]`).join(' ')}]`;
  const gpuHint =
    'describe the GPUs of this host for CDI, for example: nvidia-ctk cdi generate --disable-hook=all --output=/etc/cdi/nvidia.yaml';
  return new OrlopError(
    'failed-precondition',
    'ENGINE_NO_DEVICE_DRIVER',
    `could not select device driver ${JSON.stringify(driver)} with capabilities: ${sets}`,
    {
      hint: problems.length > 0 ? problems.join('; ') : wantsGpu ? gpuHint : 'name devices by CDI: --device vendor.com/class=name',
    },
  );
}
