import { always, checked, expanding, list, object, text, textOrNumber, whole, type Shape, type ValueOf } from '../shape/index.ts';

const port = object(
  {
    name: text(),
    mode: always(text(), 'ingress'),
    host_ip: checked(text(), (address) => (isAddress(address) ? null : `invalid ip address: ${address}`)),
    target: whole(1, 65_535),
    published: textOrNumber(),
    protocol: always(text(), 'tcp'),
    app_protocol: text(),
  },
  ['target'],
);

export type PortConfig = ValueOf<typeof port>;

function keyOf({ host_ip = '0.0.0.0', published = '', target, protocol = 'tcp' }: PortConfig): string {
  return `${host_ip}:${published}:${target}/${protocol}`;
}

/** Ports of a service, in the long form or in Docker's short one. */
export function ports(): Shape<readonly PortConfig[]> {
  return expanding(list(port, keyOf), (text) => parsePorts(String(text)));
}

/**
 * `[[HOST_IP:][PUBLISHED]:]TARGET[/PROTOCOL]`, ranges included; an entry each. Throws an Error that says what is wrong. Pure. Source: compose-spec 05-services,
 * short syntax of ports.
 */
export function parsePorts(text: string): PortConfig[] {
  const parts =
    /^(?:(?:(?<host>\[[\da-fA-F:.]*\]|[\d.]*):)?(?<published>\d*(?:-\d+)?):)?(?<target>\d+(?:-\d+)?)(?:\/(?<protocol>[a-zA-Z]+))?$/.exec(
      text,
    )?.groups;
  if (parts === undefined) throw new Error(`${JSON.stringify(text)} is not a port, such as 8080:80`);
  const [target, published] = [rangeOf(parts['target'] ?? '', text), rangeOf(parts['published'] ?? '', text)];
  const host = (parts['host'] ?? '').replaceAll(/^\[|\]$/g, '');
  if (host !== '' && !isAddress(host)) throw new Error(`invalid ip address: ${host}`);
  const protocol = (parts['protocol'] ?? 'tcp').toLowerCase();
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw new Error(`unknown protocol "${protocol}" in ${JSON.stringify(text)}`);
  // A range of the host for one port of the container: the engine chooses one of it.
  const choice = published.length > 1 && target.length === 1;
  if (published.length > 0 && !choice && published.length !== target.length)
    throw new Error(`the ranges of ${JSON.stringify(text)} differ in length`);
  const entries = target.map((number, index): PortConfig => {
    const outside = choice ? parts['published'] : published[index];
    return {
      mode: 'ingress',
      ...(host === '' ? {} : { host_ip: host }),
      target: number,
      ...(outside === undefined ? {} : { published: String(outside) }),
      protocol,
    };
  });
  // Docker's parser sorts the ports of a range as texts.
  return entries.sort((a, b) => (String(a.target) < String(b.target) ? -1 : 1));
}

/** Four numbers, or parts of IPv6; the engine knows better. */
function isAddress(text: string): boolean {
  return text === '' || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) || /^[\da-fA-F:.]*:[\da-fA-F:.]*(?:%\w+)?$/.test(text);
}

function rangeOf(text: string, whole: string): number[] {
  if (text === '') return [];
  const [first = Number.NaN, last = first] = text.split('-').map(Number);
  if (!(first <= last && first >= 0 && last <= 65_535)) throw new Error(`${JSON.stringify(whole)} has no valid range of ports`);
  return Array.from({ length: last - first + 1 }, (_none, index) => first + index);
}
