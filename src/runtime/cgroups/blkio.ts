import type { LinuxResources } from '#oci';
import { formatWhole, type CgroupVersion, type CgroupWrite } from './writes.ts';

type BlockIo = NonNullable<LinuxResources['blockIO']>;

const at = 'linux.resources.blockIO';

/** Field of runtime-spec, the v1 file, the key in v2's io.max. */
const throttles = [
  ['throttleReadBpsDevice', 'blkio.throttle.read_bps_device', 'rbps'],
  ['throttleWriteBpsDevice', 'blkio.throttle.write_bps_device', 'wbps'],
  ['throttleReadIOPSDevice', 'blkio.throttle.read_iops_device', 'riops'],
  ['throttleWriteIOPSDevice', 'blkio.throttle.write_iops_device', 'wiops'],
] as const;

export function planBlockIo(blockIo: BlockIo, version: CgroupVersion): CgroupWrite[] {
  return [...planWeights(blockIo, version), ...planThrottles(blockIo, version)];
}

/** Weights belong to the BFQ scheduler on new kernels (block/bfq-iosched.rst) and to CFQ on old ones; v2 also has its own io.weight. */
function planWeights(blockIo: BlockIo, version: CgroupVersion): CgroupWrite[] {
  const controller = version === 1 ? 'blkio' : 'io';
  const write = (value: string, weight: number, about: string): CgroupWrite =>
    version === 1
      ? { controller, file: 'blkio.weight', value, about, otherwise: { file: 'blkio.bfq.weight', value } }
      : {
          controller,
          file: 'io.bfq.weight',
          value,
          about,
          otherwise: { file: 'io.weight', value: value.replace(/\d+$/, String(ioWeight(weight))) },
        };
  const device = (entry: { major: number; minor: number; weight?: number }, index: number): CgroupWrite[] => {
    if (entry.weight === undefined) return [];
    const device = `${entry.major}:${entry.minor}`;
    // 0 gives it back; BFQ has a word for that, on both versions.
    const weight = entry.weight === 0 ? 'default' : String(entry.weight);
    const about = `${at}.weightDevice[${index}]`;
    if (version === 2) return [write(`${device} ${weight}`, entry.weight, about)];
    const otherwise = { file: 'blkio.bfq.weight_device', value: `${device} ${weight}` };
    return [{ controller, file: 'blkio.weight_device', value: `${device} ${entry.weight}`, about, otherwise }];
  };
  const whole = (blockIo.weight ?? 0) === 0 ? [] : [write(String(blockIo.weight), blockIo.weight ?? 0, `${at}.weight`)];
  const leaf: CgroupWrite[] =
    (blockIo.leafWeight ?? 0) === 0
      ? []
      : [
          {
            controller,
            file: version === 1 ? 'blkio.leaf_weight' : 'io.leaf_weight',
            value: String(blockIo.leafWeight),
            about: `${at}.leafWeight`,
          },
        ];
  return [...whole, ...leaf, ...(blockIo.weightDevice ?? []).flatMap(device)];
}

/** 10 … 1000 of blkio as 1 … 10000 of io.weight, as runc reckons it. */
function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

function planThrottles(blockIo: BlockIo, version: CgroupVersion): CgroupWrite[] {
  return throttles.flatMap(([field, file, key]) =>
    (blockIo[field] ?? []).map((entry, index): CgroupWrite => {
      const device = `${entry.major}:${entry.minor}`;
      const rate = formatWhole(entry.rate);
      const about = `${at}.${field}[${index}]`;
      if (version === 1) return { controller: 'blkio', file, value: `${device} ${rate}`, about };
      return { controller: 'io', file: 'io.max', value: `${device} ${key}=${rate === '0' ? 'max' : rate}`, about };
    }),
  );
}
