/** An IP address as a number: 32 bits of IPv4 or 128 of IPv6. */
export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** The addresses that share their first `prefixLength` bits; `base` has all others zero. */
export interface Subnet {
  readonly family: 4 | 6;
  readonly base: bigint;
  readonly prefixLength: number;
}

/** Parses dotted IPv4 or any form of RFC 4291 IPv6, strictly: no leading zeros in IPv4 (which some parsers read as octal), no zone. null when it is neither. */
export function parseAddress(text: string): Address | null {
  const value = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return value === null ? null : { family: text.includes(':') ? 6 : 4, value };
}

/** `172.17.0.2`; IPv6 as RFC 5952 wants it: lower case, the longest run of zero groups shortened. */
export function formatAddress(address: Address): string {
  if (address.family === 4) return [...addressToBytes(address)].join('.');
  const groups = Array.from({ length: 8 }, (_, index) => Number((address.value >> BigInt(112 - 16 * index)) & 0xffffn));
  const words = groups.map((group) => group.toString(16));
  const run = longestZeroRun(groups);
  if (run.length < 2) return words.join(':');
  return `${words.slice(0, run.start).join(':')}::${words.slice(run.start + run.length).join(':')}`;
}

/** Parses `address/length` into the address as written and its subnet. null when it is malformed. */
export function parseCidr(text: string): { readonly address: Address; readonly subnet: Subnet } | null {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = parseAddress(match?.[1] ?? '');
  const prefixLength = Number(match?.[2]);
  if (address === null || prefixLength > bitsOf(address.family)) return null;
  return { address, subnet: subnetOf(address, prefixLength) };
}

/** The subnet of this length that the address is in. */
export function subnetOf(address: Address, prefixLength: number): Subnet {
  const hostBits = BigInt(bitsOf(address.family) - prefixLength);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefixLength };
}

/** `172.17.0.0/16`. */
export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress({ family: subnet.family, value: subnet.base })}/${subnet.prefixLength}`;
}

/** The highest address: IPv4's broadcast. */
export function lastAddress(subnet: Subnet): Address {
  return addressAt(subnet, (1n << BigInt(bitsOf(subnet.family) - subnet.prefixLength)) - 1n);
}

/** The address `offset` places above the base. The caller keeps it inside the subnet. */
export function addressAt(subnet: Subnet, offset: bigint): Address {
  return { family: subnet.family, value: subnet.base + offset };
}

export function contains(subnet: Subnet, address: Address): boolean {
  return subnet.family === address.family && subnetOf(address, subnet.prefixLength).base === subnet.base;
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  if (a.family !== b.family) return false;
  const shorter = Math.min(a.prefixLength, b.prefixLength);
  const cut = (subnet: Subnet): bigint => subnetOf({ family: subnet.family, value: subnet.base }, shorter).base;
  return cut(a) === cut(b);
}

/** 127.0.0.0/8, ::1, and 127.0.0.0/8 written as an IPv4-mapped IPv6 address. */
export function isLoopback(address: Address): boolean {
  if (address.family === 4) return address.value >> 24n === 127n;
  return address.value === 1n || address.value >> 24n === 0xffff_7fn;
}

/** Network byte order: 4 or 16 bytes. */
export function addressToBytes(address: Address): Uint8Array {
  const length = bitsOf(address.family) / 8;
  return Uint8Array.from({ length }, (_, index) => Number((address.value >> BigInt(8 * (length - 1 - index))) & 0xffn));
}

/** The inverse of `addressToBytes`; null unless there are 4 or 16 bytes. */
export function addressFromBytes(bytes: Uint8Array): Address | null {
  if (bytes.length !== 4 && bytes.length !== 16) return null;
  return { family: bytes.length === 4 ? 4 : 6, value: bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) };
}

function bitsOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function parseIpv4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** 16-bit groups between colons; the last one may be a dotted IPv4 address when it ends the whole text. */
function parseGroups(text: string, endsText: boolean): number[] | null {
  if (text === '') return [];
  const words = text.split(':');
  const groups: number[] = [];
  for (const [index, word] of words.entries()) {
    const embedded = endsText && index === words.length - 1 && word.includes('.') ? parseIpv4(word) : null;
    if (embedded !== null) groups.push(Number(embedded >> 16n), Number(embedded & 0xffffn));
    else if (/^[0-9a-fA-F]{1,4}$/.test(word)) groups.push(Number.parseInt(word, 16));
    else return null;
  }
  return groups;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index <= groups.length; index += 1) {
    if (groups[index] === 0) continue;
    if (index - start > best.length) best = { start, length: index - start };
    start = index + 1;
  }
  return best;
}
