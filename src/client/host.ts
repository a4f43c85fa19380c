import { OrlopError } from '#errors';

export const defaultHost = 'unix:///run/orlop/orlop.sock';

/** The socket's path of an address such as `unix:///run/orlop/orlop.sock`. invalid-argument, or unimplemented for addresses over the network. */
export function parseHost(host: string): string {
  const path = /^unix:\/\/(\/.*)$/s.exec(host)?.[1];
  if (path !== undefined && !path.includes('\0')) return path;
  if (/^(?:tcp|https?|ssh):\/\//.test(host)) {
    throw new OrlopError('unimplemented', 'CLIENT_HOST_REFUSED', `cannot connect to ${host}: engines are reached over unix sockets only`, {
      hint: 'forward the socket, for instance with ssh -L, and give its unix:// address',
    });
  }
  throw new OrlopError('invalid-argument', 'CLIENT_BAD_HOST', `${JSON.stringify(host)} is not an engine's address`, {
    hint: 'give one such as unix:///run/orlop/orlop.sock',
  });
}
