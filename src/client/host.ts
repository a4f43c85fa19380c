import { OrlopError } from '#errors';

export const defaultHost = 'unix:///run/orlop/orlop.sock';
/** Docker's place for an engine under TLS, when none is named. */
export const defaultTlsHost = 'tcp://localhost:2376';

/** Where an engine listens. */
export type EnginePlace =
  | { readonly scheme: 'unix'; readonly path: string }
  /** `host` is a name or an address, IPv6 without brackets. */
  | { readonly scheme: 'tcp'; readonly host: string; readonly port: number };

/** Reads `unix:///run/orlop/orlop.sock` or `tcp://host:2376`. invalid-argument, or unimplemented for other ways over the network. Pure. */
export function parseHost(address: string): EnginePlace {
  const path = /^unix:\/\/(\/.*)$/s.exec(address)?.[1];
  if (path !== undefined && !path.includes('\0')) return { scheme: 'unix', path };
  const [, six, name, port] = /^tcp:\/\/(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/.exec(address) ?? [];
  const host = six ?? name;
  if (host !== undefined) return { scheme: 'tcp', host, port: Number(port ?? 2376) };
  if (/^(?:https?|ssh):\/\//.test(address)) {
    throw new OrlopError(
      'unimplemented',
      'CLIENT_HOST_REFUSED',
      `cannot connect to ${address}: engines are reached over unix:// and tcp://`,
      {
        hint: 'forward the socket, for instance with ssh -L, and give its unix:// address',
      },
    );
  }
  throw new OrlopError('invalid-argument', 'CLIENT_BAD_HOST', `${JSON.stringify(address)} is not an engine's address`, {
    hint: 'give one such as unix:///run/orlop/orlop.sock',
  });
}
