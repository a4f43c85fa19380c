import { createHash, randomBytes } from 'node:crypto';
import { OrlopError } from '#errors';

/** The longest name a link may have is 15 bytes (IFNAMSIZ without its NUL); ours add at most six to the prefix. */
const longestPrefix = 9;

/** Fails with `invalid-argument` when links could not be named after it. */
export function checkPrefix(prefix: string): void {
  if (/^[a-z][a-z0-9]*$/.test(prefix) && prefix.length <= longestPrefix) return;
  throw new OrlopError('invalid-argument', 'NETWORK_PREFIX_BAD', `'${prefix}' cannot begin the names of links`, {
    hint: `use a letter and then at most ${longestPrefix - 1} lower-case letters and digits`,
  });
}

/** The default bridge: `orl3fa2b1br0`. */
export function bridgeLink(prefix: string): string {
  return `${prefix}br0`;
}

/** A new name for a bridge, `orl3fa2b1n0k3x9`, that is none of those taken. The rest of it names what belongs to the bridge. */
export function newBridgeLink(prefix: string, taken: ReadonlySet<string>): string {
  return newName(`${prefix}n`, taken);
}

/** The two ends of the pair that joins a further bridge to its network's first: a port of the first, a port of the further one. */
export function jointLinks(prefix: string, bridge: string): readonly [string, string] {
  const rest = bridge.slice(prefix.length + 1);
  return [`${prefix}j${rest}`, `${prefix}k${rest}`];
}

/** The group of the devices that an engine makes for its networks: never 0, which is everybody's. What is in it and belongs to no network is a leftover. */
export function networkGroup(prefix: string): number {
  return groupOf(`orlop network ${prefix}`);
}

/** The firewall table: `orlop-orl3fa2b1`. */
export function tableName(prefix: string): string {
  return `orlop-${prefix}`;
}

/** A new name for the host's end of a pair, `orl3fa2b1v0k3x9`, that is none of those taken. */
export function newHostLink(prefix: string, taken: ReadonlySet<string>): string {
  return newName(`${prefix}v`, taken);
}

/** The link that what comes in through a host's end takes a turn through: `orl3fa2b1i0k3x9`. */
export function turnLink(prefix: string, hostLink: string): string {
  return `${prefix}i${hostLink.slice(prefix.length + 1)}`;
}

/** Whether this prefix's engine made a link of this name as the host's end of a pair, alive or buried. */
export function isHostLink(prefix: string, name: string): boolean {
  return name.startsWith(`${prefix}v`) || name.startsWith(`${prefix}x`);
}

/** The name of a pair that awaits its removal; the index keeps it unique. */
export function buriedLink(prefix: string, index: number): string {
  return `${prefix}x${(index % 36 ** 5).toString(36)}`;
}

/** The link group of an engine's buried pairs: never 0, which is everybody's. */
export function buriedGroup(prefix: string): number {
  return groupOf(`orlop buried ${prefix}`);
}

/** 64 hexadecimal digits that belong to this network of this engine. */
export function networkId(prefix: string, name: string): string {
  return createHash('sha256').update(`orlop network ${prefix} ${name}`).digest('hex');
}

export function newEndpointId(): string {
  return randomBytes(32).toString('hex');
}

export function newNetworkId(): string {
  return randomBytes(32).toString('hex');
}

function newName(start: string, taken: ReadonlySet<string>): string {
  for (;;) {
    const name = `${start}${(randomBytes(4).readUInt32LE() % 36 ** 5).toString(36).padStart(5, '0')}`;
    if (!taken.has(name)) return name;
  }
}

function groupOf(text: string): number {
  return (createHash('sha256').update(text).digest().readUInt32LE() & 0x7fff_ffff) | 0x4000_0000;
}
