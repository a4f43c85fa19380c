import { wrongWords } from '../arguments/usage-error.ts';

/** Addresses that begin with the same bits. */
export interface Subnet {
  readonly family: 4 | 6;
  readonly number: bigint;
  readonly prefixLength: number;
}

/** `172.20.0.0/16`, `fd00::/64`; without a length, one address. invalid: a usage error. */
export function parseSubnet(text: string): Subnet {
  const [address = '', length, ...rest] = text.split('/');
  const family = address.includes(':') ? 6 : 4;
  const number = family === 6 ? parseIpv6(address) : parseIpv4(address);
  const bits = family === 6 ? 128 : 32;
  const prefixLength = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : bits + 1;
  if (number === null || prefixLength > bits || rest.length > 0) throw wrongWords(`invalid CIDR address: ${text}`);
  return { family, number, prefixLength };
}

/** Whether all of `inner` lies in `outer`. */
export function contains(outer: Subnet, inner: Subnet): boolean {
  if (outer.family !== inner.family || inner.prefixLength < outer.prefixLength) return false;
  const shift = BigInt((outer.family === 6 ? 128 : 32) - outer.prefixLength);
  return outer.number >> shift === inner.number >> shift;
}

function parseIpv4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return null;
  return parts.reduce((number, part) => (number << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | null {
  const [head = '', tail, ...rest] = text.split('::');
  if (rest.length > 0) return null;
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const left = groups(head);
  const right = groups(tail ?? '');
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const all = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return all.reduce((number, group) => (number << 16n) | BigInt(`0x${group}`), 0n);
}
