import { setTimeout as delay } from 'node:timers/promises';
import { isErrno, isOrlopError, OrlopError } from '#errors';
import type { Logger } from '#log';
import { type Challenge, parseChallenge } from './auth/challenge.ts';
import { formatBasic, planTokenRequest, readToken, type Token } from './auth/token.ts';
import { registryFailure, statusFailure, type Subject } from './failures.ts';
import type { Agents } from './http/agents.ts';
import { collectSome, type RequestBody, send, StallError, type WireAnswer, type WireRequest } from './http/send.ts';
import { type Location, schemesOf } from './settings.ts';
import type { Credential, CredentialSource, RegistryLimits } from './types.ts';

/** What every endpoint of a client shares. */
export interface EndpointContext {
  readonly agents: Agents;
  readonly limits: RegistryLimits;
  readonly userAgent: string;
  readonly logger: Logger | undefined;
}

export interface Call {
  readonly method: WireRequest['method'];
  /** A path of the registry (`/v2/…`), or a whole address that it gave (an upload's location). */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  /** `repository:library/debian:pull`, … */
  readonly scopes: readonly string[];
  /** What the message is about. */
  readonly object: string;
  /** Statuses that are answers; any other is an error. */
  readonly expect: readonly number[];
  /** True when doing it twice does no harm: then broken connections, 5xx and 429 are tried again. */
  readonly repeatable: boolean;
  /** A token service is asked for a token to keep, too: see `Endpoint.refreshToken`. */
  readonly offline?: boolean;
  /** How many times longer than usual the answer may take to begin. */
  readonly patience?: number;
  readonly signal?: AbortSignal | undefined;
}

/** One registry host, as one caller sees it: finds out how to speak to it, logs in, follows, tries again. */
export interface Endpoint {
  readonly location: Location;
  call(call: Call): Promise<WireAnswer>;
  /** What the token service gave for later to an `offline` call; null for nothing. */
  refreshToken(): string | null;
  /** One GET of any address, without credentials and without the registry's trust settings. */
  fetchForeign(url: URL, call: Omit<Call, 'target' | 'scopes' | 'method'>): Promise<WireAnswer>;
}

const maxRedirects = 5;
const temporaryStatuses = new Set([408, 429, 500, 502, 503, 504]);

export function createEndpoint(context: EndpointContext, location: Location, credentials: CredentialSource): Endpoint {
  const { limits } = context;
  let origin: Promise<URL> | undefined;
  let challenge: Challenge | null = null;
  const tokens = new Map<string, Token>();
  let refreshToken: string | null = null;
  let credential: Promise<Credential | null> | undefined;
  const askCredential = (): Promise<Credential | null> => (credential ??= Promise.resolve(credentials(location.host)));

  const wire: Wire = (url, call, headers) =>
    send({
      method: call.method,
      url,
      headers: { 'user-agent': context.userAgent, ...headers },
      ...(call.body === undefined ? {} : { body: call.body }),
      agent: context.agents.for(url, location.insecure && url.host === location.host),
      stallMs: limits.stallMs * (call.patience ?? 1),
      leastBytes: limits.leastBytes,
      signal: call.signal,
    });

  /** Asks `/v2/` once: the scheme that answers is kept, and what it wants to see. */
  const probe = async (call: Call): Promise<URL> => {
    let failure: unknown;
    for (const scheme of schemesOf(location)) {
      const base = new URL(`${scheme}://${location.host}/`);
      try {
        const answer = await wire(new URL('/v2/', base), { method: 'GET', signal: call.signal }, {});
        challenge = answer.status === 401 ? parseChallenge(answer.header('www-authenticate')) : null;
        await answer.discard();
        return base;
      } catch (error) {
        failure ??= error;
        // A certificate that nobody vouches for is an answer, not a reason to drop encryption.
        if (call.signal?.aborted === true || !speaksNoTls(error)) throw error;
      }
    }
    throw failure;
  };
  const originFor = (call: Call): Promise<URL> => {
    origin ??= probe(call);
    origin.catch(() => (origin = undefined));
    return origin;
  };

  const authorization = async (call: Call, subject: Subject): Promise<Record<string, string>> => {
    if (challenge === null) return {};
    const known = await askCredential();
    if (known?.type === 'registry-token') return { authorization: `Bearer ${known.token}` };
    if (challenge.scheme === 'basic') return known?.type === 'password' ? { authorization: formatBasic(known) } : {};
    const { scope } = challenge.parameters;
    const scopes = call.scopes.length > 0 ? call.scopes : scope === undefined ? [] : [scope];
    const key = scopes.join(' ');
    const cached = tokens.get(key);
    if (cached !== undefined && cached.expiresAtMs > Date.now()) return { authorization: `Bearer ${cached.value}` };
    const allowPlain = schemesOf(location).includes('http');
    const planned = planTokenRequest(challenge, known, { scopes, allowPlain, subject, offline: call.offline === true });
    const answer = await wire(planned.url, { ...planned, signal: call.signal }, planned.headers);
    const token = await readToken(answer, subject, Date.now());
    tokens.set(key, token);
    refreshToken = token.refreshToken ?? refreshToken;
    return { authorization: `Bearer ${token.value}` };
  };

  /** One try: the request with what the registry wants to see, and where it sends us. */
  const attempt = async (call: Call, subject: Subject): Promise<WireAnswer> => {
    const base = await originFor(call);
    const first = new URL(call.target, base);
    const isOurs = first.origin === base.origin;
    const secrets = isOurs ? await authorization(call, subject) : {};
    let answer = await wire(first, call, { ...call.headers, ...secrets });
    if (answer.status === 401 && isOurs) {
      // A token that ended early, or a scope that the first question did not tell us.
      const asked = parseChallenge(answer.header('www-authenticate'));
      if (asked !== null) {
        await answer.discard();
        challenge = asked;
        tokens.delete(call.scopes.join(' '));
        answer = await wire(first, call, { ...call.headers, ...(await authorization(call, subject)) });
      }
    }
    return follow(call, subject, answer, base, wire);
  };

  return {
    location,
    refreshToken: () => refreshToken,
    call: (call) => persist(context, call, { host: location.host, object: call.object }, (subject) => attempt(call, subject)),
    fetchForeign: (url, rest) => {
      const call: Call = { ...rest, method: 'GET', target: url, scopes: [] };
      const subject = { host: url.host, object: call.object };
      return persist(context, call, subject, async () => follow(call, subject, await wire(url, call, { ...call.headers }), url, wire));
    },
  };
}

type WireCall = Pick<Call, 'method' | 'body' | 'patience' | 'signal'>;
type Wire = (url: URL, call: WireCall, headers: Readonly<Record<string, string>>) => Promise<WireAnswer>;

/** Follows redirects of reads. Another host never sees what we showed the registry, and encryption is not given up on the way. */
async function follow(call: Call, subject: Subject, first: WireAnswer, base: URL, wire: Wire): Promise<WireAnswer> {
  let answer = first;
  for (let hops = 0; [301, 302, 303, 307, 308].includes(answer.status); hops++) {
    const where = answer.header('location');
    await answer.discard();
    if (call.method !== 'GET' && call.method !== 'HEAD') {
      throw registryFailure('unavailable', 'REGISTRY_REDIRECT', subject, `it redirects a ${call.method}, which is not followed`);
    }
    if (hops >= maxRedirects)
      throw registryFailure('unavailable', 'REGISTRY_REDIRECT', subject, `it redirects more than ${maxRedirects} times`);
    const next = where !== undefined && URL.canParse(where, answer.url.href) ? new URL(where, answer.url) : null;
    if (next === null || (next.protocol !== 'https:' && !(next.protocol === 'http:' && base.protocol === 'http:'))) {
      throw registryFailure('unavailable', 'REGISTRY_REDIRECT', subject, 'it redirects to no https address');
    }
    next.username = '';
    next.password = '';
    answer = await wire(next, call, { ...call.headers });
  }
  return answer;
}

/** Tries again what may be repeated, with growing pauses; gives errors their kinds. */
async function persist(
  context: EndpointContext,
  call: Call,
  subject: Subject,
  attempt: (subject: Subject) => Promise<WireAnswer>,
): Promise<WireAnswer> {
  const { limits, logger } = context;
  for (let tries = 1; ; tries++) {
    const last = tries >= limits.attempts;
    try {
      const answer = await attempt(subject);
      if (call.expect.includes(answer.status)) return answer;
      const mayRepeat = answer.status === 429 || (call.repeatable && temporaryStatuses.has(answer.status));
      const retryMs = retryAfterMs(answer.header('retry-after'), Date.now());
      if (!mayRepeat || last || retryMs > limits.longestWaitMs) {
        const text = call.method === 'HEAD' ? '' : await collectSome(answer);
        throw statusFailure(subject, answer.status, text, retryMs);
      }
      const waitMs = pauseMs(limits, tries, retryMs);
      await answer.discard();
      logger?.debug('a registry asks for patience', { registry: subject.host, status: answer.status, waitMs });
      await pause(waitMs, call.signal, subject);
    } catch (error) {
      if (isOrlopError(error) || !call.repeatable || last || call.signal?.aborted === true || !isTemporary(error)) {
        throw wireFailure(error, subject, call.signal);
      }
      logger?.debug('a request to a registry failed, once more', { registry: subject.host, error });
      await pause(pauseMs(limits, tries), call.signal, subject);
    }
  }
}

/** Half of the time is left to chance, so that clients who failed together do not come back together. Pure but for that. */
export function pauseMs(limits: RegistryLimits, tries: number, askedMs = 0): number {
  const own = limits.backoffMs * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
  return Math.min(limits.longestWaitMs, Math.max(askedMs, own));
}

/** `Retry-After` (RFC 9110 section 10.2.3): seconds or a date; 0 for none, and for what is none. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0;
  const asked = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(asked) ? 0 : Math.max(0, asked);
}

export async function pause(ms: number, signal: AbortSignal | undefined, subject: Subject): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    throw wireFailure(error, subject, signal);
  });
}

/** The other side speaks plain HTTP there, or nobody listens. */
function speaksNoTls(error: unknown): boolean {
  return isErrno(
    error,
    'EPROTO',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_PACKET_LENGTH_TOO_LONG',
    'ERR_SSL_HTTP_REQUEST',
    'ECONNRESET',
    'ECONNREFUSED',
    'HPE_INVALID_CONSTANT',
  );
}

const temporaryErrors = [
  'ECONNRESET',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ECONNABORTED',
  'UND_ERR_SOCKET',
];

export function isTemporary(error: unknown): boolean {
  return (
    error instanceof StallError ||
    isErrno(error, ...temporaryErrors) ||
    (error instanceof Error && /socket hang up|aborted/.test(error.message))
  );
}

/** A thrown value of the transport in the house's shape. */
export function wireFailure(error: unknown, subject: Subject, signal: AbortSignal | undefined): OrlopError {
  if (signal?.aborted === true) return registryFailure('cancelled', 'REGISTRY_CANCELLED', subject, 'cancelled', signal.reason);
  if (isOrlopError(error)) return error;
  if (error instanceof StallError) return registryFailure('deadline-exceeded', 'REGISTRY_STALLED', subject, error.message, error);
  const { code = '', message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) };
  if (/CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|ALTNAME/.test(code)) {
    return new OrlopError(
      'unavailable',
      'REGISTRY_UNTRUSTED',
      `registry ${subject.host}: ${subject.object}: its certificate is not trusted (${message})`,
      {
        hint: `put its CA into certs.d/${subject.host}/ca.crt`,
        cause: error,
      },
    );
  }
  return registryFailure(
    'unavailable',
    'REGISTRY_UNREACHABLE',
    subject,
    `cannot be reached: ${whyUnreachable(code, subject) ?? (code || message)}`,
    error,
  );
}

/** With the words of Go's net package, which programs that drive Docker look for. */
function whyUnreachable(code: string, { host }: Subject): string | null {
  if (code === 'ECONNREFUSED') return `nobody answers (dial tcp ${host}: connect: connection refused)`;
  const isUnknown = code === 'ENOTFOUND' || code === 'EAI_AGAIN';
  return isUnknown ? `its name is not known (dial tcp: lookup ${host.replace(/:\d+$/, '')}: no such host)` : null;
}
