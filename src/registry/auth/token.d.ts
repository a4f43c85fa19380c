import type { RequestBody, WireAnswer } from '../http/send.ts';
import { type Subject } from '../failures.ts';
import type { Credential } from '../types.ts';
import type { Challenge } from './challenge.ts';
/** A token and when it must not be used any more (milliseconds since the epoch). */
export interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}
export interface TokenRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
}
/**
 * What to ask the token service. Pure. A refresh token goes by POST (OAuth2), a password by GET with basic authentication, nobody by a plain GET.
 * Failed when the realm is no URL, or plain HTTP where `allowPlain` is false: credentials would be readable on the way.
 */
export declare function planTokenRequest(
  challenge: Challenge,
  credential: Credential | null,
  options: {
    readonly scopes: readonly string[];
    readonly allowPlain: boolean;
    readonly subject: Subject;
  },
): TokenRequest;
export declare function formatBasic({ username, password }: { readonly username: string; readonly password: string }): string;
/** The token of a service's answer. Unauthenticated when it refuses, unavailable when it makes no sense. */
export declare function readToken(answer: WireAnswer, subject: Subject, nowMs: number): Promise<Token>;
