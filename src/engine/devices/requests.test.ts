import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCdiSpec, type CdiSpec } from '#oci';
import type { DeviceRequest } from '#wire';
import type { CdiRegistry } from './cdi-registry.ts';
import { resolveRequests } from './requests.ts';

function specOf(kind: string, names: readonly string[], edits: object = {}): CdiSpec {
  const devices = names.map((name) => ({ name, containerEdits: { env: [`GIVEN=${name}`], ...edits } }));
  return parseCdiSpec({ cdiVersion: '0.8.0', kind, devices, containerEdits: { env: [`KIND=${kind}`] } }, 'x');
}

function registryOf(...specs: CdiSpec[]): CdiRegistry {
  const known = specs.flatMap((spec) =>
    spec.devices.map((device) => [`${spec.kind}=${device.name}`, { device, spec, file: '/etc/cdi/x.json' }] as const),
  );
  return { devices: new Map(known), problems: [] };
}

const cdi = (...ids: string[]): DeviceRequest => ({ driver: 'cdi', count: 0, ids, capabilities: [], options: {} });
const gpus = (change: Partial<DeviceRequest> = {}): DeviceRequest => ({
  driver: '',
  count: -1,
  ids: [],
  capabilities: [['gpu']],
  options: {},
  ...change,
});
const given = (request: DeviceRequest, registry: CdiRegistry): string[] => resolveRequests([request], registry).flatMap(({ env }) => env);

describe('requests for devices', () => {
  const nvidia = specOf('nvidia.com/gpu', ['0', '1', '10', '2', 'GPU-aa', 'all']);

  test('bring what a device needs, and once what all of its kind need', () => {
    assert.deepEqual(given(cdi('v.com/net=a', 'v.com/net=b'), registryOf(specOf('v.com/net', ['a', 'b']))), [
      'KIND=v.com/net',
      'GIVEN=a',
      'GIVEN=b',
    ]);
  });

  test('for GPUs mean those that are described', () => {
    const registry = registryOf(specOf('amd.com/gpu', ['0']), nvidia);
    assert.deepEqual(given(gpus(), registry), ['KIND=nvidia.com/gpu', 'GIVEN=all']);
    assert.deepEqual(given(gpus({ count: 3 }), registry), ['KIND=nvidia.com/gpu', 'GIVEN=0', 'GIVEN=1', 'GIVEN=2']);
    assert.deepEqual(given(gpus({ count: 0, ids: ['GPU-aa'] }), registry), ['KIND=nvidia.com/gpu', 'GIVEN=GPU-aa']);
    assert.deepEqual(given(gpus({ count: 1 }), registryOf(specOf('amd.com/gpu', ['0']))), ['KIND=amd.com/gpu', 'GIVEN=0']);
  });

  const refused: readonly (readonly [what: string, request: DeviceRequest, registry: CdiRegistry, message: RegExp, hint: RegExp])[] = [
    [
      'GPUs that nobody describes',
      gpus(),
      registryOf(),
      /^could not select device driver "" with capabilities: \[\[gpu\]\]$/,
      /nvidia-ctk cdi generate/,
    ],
    [
      'NVIDIA’s where there are others',
      gpus({ driver: 'nvidia' }),
      registryOf(specOf('amd.com/gpu', ['0'])),
      /driver "nvidia"/,
      /nvidia-ctk/,
    ],
    [
      'more GPUs than there are',
      gpus({ count: 9 }),
      registryOf(nvidia),
      /^9 GPUs were asked for, and this host describes 4/,
      /ask for fewer/,
    ],
    ['options', gpus({ options: { a: 'b' } }), registryOf(nvidia), /the option a of a request/, /leave it out/],
    [
      'an unknown driver',
      { ...cdi(), driver: 'x', capabilities: [['tpu', 'y']] },
      registryOf(nvidia),
      /driver "x" with capabilities: \[\[tpu y\]\]/,
      /--device/,
    ],
    [
      'an unknown device',
      cdi('v.com/net=a'),
      registryOf(nvidia),
      /unresolvable CDI devices v.com\/net=a$/,
      /described are nvidia.com\/gpu=0/,
    ],
    [
      'an unknown device where files cannot be read',
      cdi('v.com/net=a'),
      { devices: new Map(), problems: ['x.json: bad'] },
      /unresolvable/,
      /x\.json: bad/,
    ],
    [
      'hooks',
      cdi('v.com/net=a'),
      registryOf(specOf('v.com/net', ['a'], { hooks: [{}] })),
      /v.com\/net=a cannot be given: \/etc\/cdi\/x\.json asks for hooks/,
      /without/,
    ],
    ['what is not known', cdi('v.com/net=a'), registryOf(specOf('v.com/net', ['a'], { later: 1 })), /asks for later/, /take it out/],
  ];
  for (const [what, request, registry, message, hint] of refused)
    test(`for ${what} are refused`, () => assert.throws(() => resolveRequests([request], registry), { message, hint }));
});
