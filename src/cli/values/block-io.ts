import type { DeviceRate, DeviceWeight, Limits } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { parseBytes } from './size.ts';

type BlockIo = Pick<Limits, 'ioWeight' | 'ioWeightDevices' | 'readBytes' | 'writeBytes' | 'readOperations' | 'writeOperations'>;

/** What was asked about shares and rates of block devices. Words are Docker's. */
export function readBlockIo(args: Arguments): { readonly [Key in keyof BlockIo]-?: BlockIo[Key] | undefined } {
  const list = <Item>(flag: string, parse: (text: string) => Item): readonly Item[] | undefined =>
    args.has(flag) ? args.list(flag).map(parse) : undefined;
  return {
    ioWeight: args.integer('blkio-weight'),
    ioWeightDevices: list('blkio-weight-device', parseWeight),
    readBytes: list('device-read-bps', (text) => parseByteRate('device-read-bps', text)),
    writeBytes: list('device-write-bps', (text) => parseByteRate('device-write-bps', text)),
    readOperations: list('device-read-iops', parseOperationRate),
    writeOperations: list('device-write-iops', parseOperationRate),
  };
}

/** `/dev/sda:500` */
function parseWeight(text: string): DeviceWeight {
  const { path, value } = splitDevice(text);
  const weight = /^\d{1,4}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(weight) || (weight > 0 && (weight < 10 || weight > 1000))) throw usageError(`invalid weight for device: ${text}`);
  return { path, weight };
}

/** `/dev/sda:1mb` */
function parseByteRate(flag: string, text: string): DeviceRate {
  const { path, value } = splitDevice(text);
  if (!/^\d/.test(value))
    throw usageError(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
    );
  return { path, rate: parseBytes(flag, value) };
}

/** `/dev/sda:1000` */
function parseOperationRate(text: string): DeviceRate {
  const { path, value } = splitDevice(text);
  if (!/^\d{1,15}$/.test(value))
    throw usageError(`invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`);
  return { path, rate: Number(value) };
}

function splitDevice(text: string): { readonly path: string; readonly value: string } {
  const at = text.indexOf(':');
  if (at <= 0) throw usageError(`bad format: ${text}`);
  const path = text.slice(0, at);
  if (!path.startsWith('/dev/')) throw usageError(`bad format for device path: ${text}`);
  return { path, value: text.slice(at + 1) };
}
