import { OrlopError } from '#errors';

export interface UnixEndpoint {
  readonly scheme: 'unix';
  readonly path: string;
}

export interface TcpEndpoint {
  readonly scheme: 'tcp';
  /** A name or an address, IPv6 without brackets; '' listens on every address. */
  readonly host: string;
  readonly port: number;
}

/** A unix socket that listens already: systemd made it and passed it to us. */
export interface PassedEndpoint {
  readonly scheme: 'fd';
  readonly descriptor: number;
}

/** Where a server listens. */
export type Endpoint = UnixEndpoint | TcpEndpoint | PassedEndpoint;

/** sun_path holds 108 bytes with its NUL: unix(7). */
const maximumPathBytes = 107;

/** Docker's port for its API under TLS. */
const tlsPort = 2376;

/** `unix:///run/orlop/orlop.sock`, `tcp://0.0.0.0:2376`, `tcp://[::1]`, `fd://3`. What cannot be listened on is refused with the reason. Pure. */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('tcp://')) return parseTcp(text);
  const descriptor = /^fd:\/\/(\d{1,9})$/.exec(text)?.[1];
  if (descriptor !== undefined) return { scheme: 'fd', descriptor: Number(descriptor) };
  const path = /^unix:\/\/(\/.*)$/s.exec(text)?.[1];
  if (path === undefined || path.includes('\0')) throw notAnAddress(text);
  if (Buffer.byteLength(path) > maximumPathBytes) {
    throw new OrlopError('invalid-argument', 'HTTP_ENDPOINT_TOO_LONG', `the socket path ${path} is longer than ${maximumPathBytes} bytes`, {
      hint: 'choose a shorter path',
    });
  }
  return { scheme: 'unix', path };
}

function parseTcp(text: string): TcpEndpoint {
  const [, six, name, port] = /^tcp:\/\/(?:\[([0-9a-fA-F:.%\w]+)\]|([\w.-]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = six ?? name;
  const number = port === undefined ? tlsPort : Number(port);
  if (host === undefined || number > 65_535 || (host === '' && port === undefined)) throw notAnAddress(text);
  return { scheme: 'tcp', host, port: number };
}

function notAnAddress(text: string): OrlopError {
  return new OrlopError('invalid-argument', 'HTTP_BAD_ENDPOINT', `${JSON.stringify(text)} is not an address to listen on`, {
    hint: 'give unix:///absolute/path or tcp://ADDRESS:PORT',
  });
}
