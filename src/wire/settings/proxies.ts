import { OrlopError } from '#errors';
import type { DeviceConfig } from './devices.ts';

/** One end of a proxy: ports of an address, or a unix socket; a path that begins with "@" is an abstract name. */
export type ProxyEnd =
  | { readonly protocol: 'tcp' | 'udp'; readonly address: string; readonly ports: readonly number[] }
  | { readonly protocol: 'unix'; readonly path: string };

/** A proxy device, read. */
export interface ProxyDevice {
  readonly listen: ProxyEnd;
  readonly connect: ProxyEnd;
  /** Where it listens; it connects on the other side. */
  readonly bind: 'host' | 'container';
  /** Of the unix socket that it listens on. */
  readonly uid?: number;
  readonly gid?: number;
  readonly mode: number;
  /** As whom it connects. */
  readonly connectUid?: number;
  readonly connectGid?: number;
  readonly header?: 'v1' | 'v2';
  /** A published port does it, and the container sees who comes. */
  readonly nat: boolean;
}

export const proxyKeys = {
  listen: 'tcp:ADDRESS:PORTS, udp:ADDRESS:PORTS, or unix:PATH',
  connect: 'the same, on the other side',
  bind: 'host or container: where it listens (default host)',
  uid: 'owner of the unix socket that it listens on (default 0)',
  gid: 'its group (default 0)',
  mode: 'its mode (default 0644)',
  'security.uid': 'as whom it connects (default 0, without rights)',
  'security.gid': 'and as which group',
  proxy_protocol: 'true, v1 or v2: say in the first bytes who came',
  nat: 'true: by a published port, without a process in between',
};

const mostPorts = 64;

/** invalid-argument naming the device for what cannot be. Pure. */
export function parseProxy(name: string, config: DeviceConfig): ProxyDevice {
  const invalid = (why: string): OrlopError =>
    new OrlopError('invalid-argument', 'DEVICE_INVALID', `device ${JSON.stringify(name)}: ${why}`, {
      hint: 'see: orlop device add --help',
    });
  const oneOf = <Word extends string>(key: string, words: readonly Word[], usual: Word): Word => {
    const found = words.find((word) => word === (config[key] ?? usual));
    if (found === undefined) throw invalid(`${key} must be ${words.join(' or ')}`);
    return found;
  };
  const [listen, connect] = [parseEnd(config['listen'] ?? ''), parseEnd(config['connect'] ?? '')];
  if (listen === null) throw invalid(`listen must be such as tcp:0.0.0.0:8080, udp:[::]:53 or unix:/run/web.sock`);
  if (connect === null) throw invalid(`connect must be such as tcp:127.0.0.1:80, udp:127.0.0.1:53 or unix:/run/web.sock`);
  const bind = oneOf('bind', ['host', 'container'], 'host');
  const nat = oneOf('nat', ['true', 'false'], 'false') === 'true';
  const header = oneOf('proxy_protocol', ['false', 'true', 'v1', 'v2'], 'false');
  const why = whyNot({ listen, connect, bind, nat, hasHeader: header !== 'false', config });
  if (why !== null) throw invalid(why);
  const number = (key: string, pattern: RegExp, radix: number): number | undefined => {
    const text = config[key];
    if (text === undefined) return undefined;
    if (!pattern.test(text)) throw invalid(`${key} must be a number`);
    return Number.parseInt(text, radix);
  };
  const given = { uid: idOf('uid'), gid: idOf('gid'), connectUid: idOf('security.uid'), connectGid: idOf('security.gid') };
  function idOf(key: string): number | undefined {
    const id = number(key, /^\d{1,10}$/, 10);
    if (id !== undefined && id >= 0xffff_ffff) throw invalid(`${key} must be an id`);
    return id;
  }
  const ids = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const mode = number('mode', /^0?[0-7]{3}$/, 8) ?? 0o644;
  return { listen, connect, bind, mode, nat, ...ids, ...(header === 'false' ? {} : { header: header === 'v2' ? 'v2' : 'v1' }) };
}

interface Asked extends Pick<ProxyDevice, 'listen' | 'connect' | 'bind' | 'nat'> {
  readonly hasHeader: boolean;
  readonly config: DeviceConfig;
}

function whyNot({ listen, connect, bind, nat, hasHeader, config }: Asked): string | null {
  if ((listen.protocol === 'udp') !== (connect.protocol === 'udp')) return 'datagrams go to udp, and streams to tcp or unix';
  if (listen.protocol === 'unix' && listen.path.startsWith('@')) return 'it listens on no abstract name: give a path';
  const count = listen.protocol === 'unix' ? 1 : listen.ports.length;
  if (connect.protocol !== 'unix' && connect.ports.length !== 1 && connect.ports.length !== count)
    return 'it must connect to one port, or to as many as it listens on';
  if (listen.protocol !== 'unix' && ['uid', 'gid', 'mode'].some((key) => config[key] !== undefined))
    return 'uid, gid and mode are for a unix socket that it listens on';
  if (hasHeader && listen.protocol === 'udp') return 'proxy_protocol is for streams';
  if (!nat) return null;
  if (bind !== 'host' || listen.protocol === 'unix' || connect.protocol !== listen.protocol)
    return 'nat is from ports of the host to ports of the same protocol';
  if (!['0.0.0.0', '::'].includes(connect.address)) return 'nat leads to the address that the container has: write connect=tcp:0.0.0.0:80';
  return hasHeader || config['security.uid'] !== undefined || config['security.gid'] !== undefined
    ? 'nat takes no proxy_protocol, security.uid or security.gid: the container sees who comes'
    : null;
}

/** `tcp:127.0.0.1:80-82,90`, `udp:[::1]:53`, `unix:/path`, `unix:@name`. null for what is none. */
function parseEnd(text: string): ProxyEnd | null {
  const [, path] = /^unix:([/@].{1,100})$/.exec(text) ?? [];
  if (path !== undefined) return /[\0\n]|\/$/.test(path) ? null : { protocol: 'unix', path };
  const [, protocol, address, list = ''] = /^(tcp|udp):(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):([\d,-]+)$/.exec(text) ?? [];
  if (address === undefined) return null;
  const ports = parsePortList(list);
  return ports === null ? null : { protocol: protocol === 'udp' ? 'udp' : 'tcp', address: address.replace(/^\[(.*)\]$/, '$1'), ports };
}

function parsePortList(list: string): number[] | null {
  const ports: number[] = [];
  for (const part of list.split(',')) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!(from >= 1 && from <= to && to <= 65_535) || ports.length + to - from >= mostPorts) return null;
    for (let port = from; port <= to; port++) ports.push(port);
  }
  return ports;
}
