import { OrlopError } from '#errors';

/** Where a server listens or a client connects. */
export interface UnixEndpoint {
  readonly path: string;
}

/** sun_path holds 108 bytes with its NUL: unix(7). */
const maximumPathBytes = 107;

/** `unix:///run/orlop/orlop.sock`. What cannot be listened on safely is refused with the reason. */
export function parseEndpoint(text: string): UnixEndpoint {
  if (text.startsWith('tcp://') || text.startsWith('http')) {
    throw new OrlopError(
      'unimplemented',
      'HTTP_TCP_REFUSED',
      `${text} is refused: whoever reaches the port would own this machine, and TLS client certificates are not supported yet`,
      {
        hint: 'listen on unix:///path and forward it, for instance with ssh -L',
      },
    );
  }
  if (text.startsWith('fd://')) {
    throw new OrlopError('unimplemented', 'HTTP_FD_REFUSED', `${text} is refused: sockets passed by systemd are not supported yet`, {
      hint: 'give unix:///path',
    });
  }
  const path = /^unix:\/\/(\/.*)$/s.exec(text)?.[1];
  if (path === undefined || path.includes('\0')) {
    throw new OrlopError('invalid-argument', 'HTTP_BAD_ENDPOINT', `${JSON.stringify(text)} is not an address to listen on`, {
      hint: 'give unix:///absolute/path',
    });
  }
  if (Buffer.byteLength(path) > maximumPathBytes) {
    throw new OrlopError('invalid-argument', 'HTTP_ENDPOINT_TOO_LONG', `the socket path ${path} is longer than ${maximumPathBytes} bytes`, {
      hint: 'choose a shorter path',
    });
  }
  return { path };
}
