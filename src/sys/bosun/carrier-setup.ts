import type { CarrierOptions, CarrierPair, CarrierTarget } from './carrier.ts';

const headerBytes = 32;
const pairBytes = 128;
const mostPairs = 64;
const noId = 0xffff_ffff;

const flags = { open: 1, process: 2, users: 4, network: 8, mounts: 16, v1: 32, v2: 64 } as const;

/** The one message that makes a process a carrier, and the descriptors that go with it (native/README.md, "Carriers"). Pure. */
export function encodeCarrierSetup(options: CarrierOptions): { readonly data: Buffer; readonly descriptors: readonly number[] } {
  const { pairs, control, waits = false, header, uid = noId, gid = noId, patienceMs = 0 } = options;
  if (pairs.length === 0 || pairs.length > mostPairs) throw new RangeError(`a carrier takes 1 to ${mostPairs} pairs`);
  const kinds = ['process', 'users', 'network', 'mounts'] as const;
  const given = kinds.filter((kind) => options[kind] !== undefined);
  const bits = given.reduce((sum, kind) => sum | flags[kind], (waits ? 0 : flags.open) | (header === undefined ? 0 : flags[header]));
  const data = Buffer.alloc(headerBytes + pairs.length * pairBytes);
  data.write('CARY', 0, 'latin1');
  for (const [at, value] of [1, pairs.length, bits, uid, gid, patienceMs].entries()) data.writeUInt32LE(value, 4 + at * 4);
  for (const [at, pair] of pairs.entries()) writePair(data, headerBytes + at * pairBytes, pair);
  const descriptors = [control, ...pairs.map(({ listener }) => listener), ...given.map((kind) => options[kind] ?? -1)];
  return { data, descriptors };
}

function writePair(data: Buffer, at: number, { kind, target }: CarrierPair): void {
  const address = encodeAddress(target);
  if (address.length > pairBytes - 8) throw new RangeError('an address is too long');
  data.writeUInt32LE(kind === 'stream' ? 1 : 2, at);
  data.writeUInt32LE(address.length, at + 4);
  address.copy(data, at + 8);
}

/** As connect(2) takes it: ip(7), ipv6(7), unix(7). */
function encodeAddress(target: CarrierTarget): Buffer {
  if ('path' in target) {
    const isAbstract = target.path.startsWith('@');
    const name = Buffer.from(isAbstract ? `\0${target.path.slice(1)}` : `${target.path}\0`);
    return Buffer.concat([Buffer.from([1, 0]), name]);
  }
  const isIpv6 = target.address.length === 16;
  const address = Buffer.alloc(isIpv6 ? 28 : 16);
  address[0] = isIpv6 ? 10 : 2;
  address.writeUInt16BE(target.port, 2);
  address.set(target.address, isIpv6 ? 8 : 4);
  return address;
}
