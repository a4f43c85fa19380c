import { OrlopError } from '#errors';
import type { Logger } from '#log';
import { type Subject } from './failures.ts';
import type { Agents } from './http/agents.ts';
import { type RequestBody, type WireAnswer, type WireRequest } from './http/send.ts';
import { type Location } from './settings.ts';
import type { CredentialSource, RegistryLimits } from './types.ts';
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
  /** How many times longer than usual the answer may take to begin. */
  readonly patience?: number;
  readonly signal?: AbortSignal | undefined;
}
/** One registry host, as one caller sees it: finds out how to speak to it, logs in, follows, tries again. */
export interface Endpoint {
  readonly location: Location;
  call(call: Call): Promise<WireAnswer>;
  /** One GET of any address, without credentials and without the registry's trust settings. */
  fetchForeign(url: URL, call: Omit<Call, 'target' | 'scopes' | 'method'>): Promise<WireAnswer>;
}
export declare function createEndpoint(context: EndpointContext, location: Location, credentials: CredentialSource): Endpoint;
/** Half of the time is left to chance, so that clients who failed together do not come back together. Pure but for that. */
export declare function pauseMs(limits: RegistryLimits, tries: number, retryAfter: string | undefined, nowMs: number): number;
export declare function pause(ms: number, signal: AbortSignal | undefined, subject: Subject): Promise<void>;
export declare function isTemporary(error: unknown): boolean;
/** A thrown value of the transport in the house's shape. */
export declare function wireFailure(error: unknown, subject: Subject, signal: AbortSignal | undefined): OrlopError;
