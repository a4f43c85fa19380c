import { createSecureContext, type TlsOptions } from 'node:tls';
import { OrlopError } from '#errors';

/** PEM texts of a server that lets in only clients whose certificate the authority has signed. */
export interface MutualTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** How long a client may take for its handshake, ms. */
const handshakeMs = 10_000;

/** Options of a server: TLS 1.2 or newer, and no client without a certificate. invalid-argument when the PEM texts are none or do not belong together. */
export function mutualTlsOptions(tls: MutualTls): TlsOptions {
  const secure = { ...tls, minVersion: 'TLSv1.2' } as const;
  try {
    createSecureContext(secure);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OrlopError('invalid-argument', 'HTTP_BAD_CERTIFICATE', `the certificates cannot be used: ${why}`, {
      hint: 'give PEM files: --tlscacert an authority, --tlscert a certificate of this host, --tlskey its key',
      cause,
    });
  }
  const both = { requestCert: true, rejectUnauthorized: true } as const;
  // Clients end their input and go on listening, as on unix sockets, where node:http itself says so.
  return { ...secure, ...both, allowHalfOpen: true, handshakeTimeout: handshakeMs, ALPNProtocols: ['http/1.1'] };
}

/** Whoever reaches an engine's port owns the machine, so there is none without certificates on both sides. */
export function plainTcpRefused(endpoint: string): OrlopError {
  return new OrlopError(
    'invalid-argument',
    'HTTP_TCP_REFUSED',
    `${endpoint} is refused without TLS on both sides, on loopback too: whoever reaches the port would own this machine`,
    { hint: 'give --tlsverify with --tlscacert, --tlscert and --tlskey, or listen on unix:///path and forward it with ssh -L' },
  );
}
