import { OrlopError } from '#errors';

/** Why no connection came about, in a sentence of its own for each thing that the reader can do. */
export function connectFailure(host: string, cause: NodeJS.ErrnoException): OrlopError {
  if (cause.code === 'EACCES' || cause.code === 'EPERM') {
    return new OrlopError('permission-denied', 'CLIENT_NO_PERMISSION', `no permission to use the engine at ${host}`, {
      hint: 'run as root, or as a member of the group orlop',
      cause,
    });
  }
  const trust = trustFailure(host, cause);
  if (trust !== null) return trust;
  return new OrlopError('unavailable', 'CLIENT_UNREACHABLE', `cannot reach the engine at ${host}`, {
    hint: 'is orlopd running? Start it with: orlopd',
    cause,
  });
}

/** What OpenSSL and Node call certificates that they do not take: `X509_V_ERR_…` without the prefix, and names that do not fit. */
const distrusted =
  /^(?:CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|ERR_TLS_CERT_ALTNAME|HOSTNAME_MISMATCH|INVALID_PURPOSE|INVALID_CA)/;

/** Why TLS did not come about: the engine's certificate, or ours; null when it was something else. */
export function trustFailure(host: string, cause: NodeJS.ErrnoException): OrlopError | null {
  const code = cause.code ?? '';
  if (distrusted.test(code)) {
    return new OrlopError(
      'permission-denied',
      'CLIENT_ENGINE_DISTRUSTED',
      `the certificate of the engine at ${host} is not trusted: ${cause.message}`,
      {
        hint: 'give the authority that has signed it with --tlscacert, or as ca.pem in $ORLOP_CERT_PATH, and the name that it is for',
        cause,
      },
    );
  }
  if (/^ERR_SSL_.*ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE|ACCESS_DENIED)/.test(code)) {
    return new OrlopError('permission-denied', 'CLIENT_NO_PERMISSION', `the engine at ${host} does not take our certificate`, {
      hint: 'give one that its authority has signed with --tlscert and --tlskey, or as cert.pem and key.pem in $ORLOP_CERT_PATH',
      cause,
    });
  }
  if (!code.startsWith('ERR_SSL_') && !code.startsWith('ERR_OSSL_')) return null;
  return new OrlopError('unavailable', 'CLIENT_UNREACHABLE', `no TLS with ${host}: ${cause.message}`, { cause });
}

/** A new connection under TLS that ends before an answer: so an engine sends away whom its authority does not know. */
export function turnedAway(host: string): OrlopError {
  return new OrlopError(
    'permission-denied',
    'CLIENT_NO_PERMISSION',
    `the engine at ${host} hung up: it does not take our certificate, or went away`,
    {
      hint: 'give one that its authority has signed with --tlscert and --tlskey, or as cert.pem and key.pem in $ORLOP_CERT_PATH',
    },
  );
}

export function plainTcpRefused(host: string): OrlopError {
  return new OrlopError(
    'invalid-argument',
    'CLIENT_HOST_REFUSED',
    `${host} is refused without TLS: whoever listens on the way would own the machine`,
    {
      hint: 'give --tlsverify (or ORLOP_TLS_VERIFY=1) with certificates in $ORLOP_CERT_PATH, or forward the socket with ssh -L',
    },
  );
}

/** The connection broke while an answer was due. */
export function engineGone(host: string, cause?: unknown): OrlopError {
  return new OrlopError('unavailable', 'CLIENT_ENGINE_GONE', `the engine at ${host} went away in the middle of an answer`, {
    hint: 'containers keep running; see them with orlop ps once the engine is back',
    cause,
  });
}

export function cancelled(): OrlopError {
  return new OrlopError('cancelled', 'CLIENT_CANCELLED', 'the request was given up');
}

/** What the engine said; but of a route of ours that it does not know, why. */
export function refusal(host: string, { method, path }: { readonly method: string; readonly path: string }, said: OrlopError): OrlopError {
  if (said.message !== 'page not found' || !path.startsWith('/orlop/')) return said;
  return new OrlopError('unimplemented', 'CLIENT_ENGINE_DIFFERS', `the engine at ${host} does not know ${method} ${path}`, {
    hint: 'it is of another version than this client, or no Orlop engine: containers stay while it is started anew (npm stop && npm start, or systemctl restart orlop)',
    cause: said,
  });
}

export function badAnswer(host: string, what: string): OrlopError {
  return new OrlopError('internal', 'CLIENT_BAD_ANSWER', `what listens at ${host} sent ${what}`, { hint: 'is it an Orlop engine?' });
}
