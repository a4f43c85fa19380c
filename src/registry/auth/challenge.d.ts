/** What a registry wants to see (RFC 9110 section 11.6.1). */
export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}
/** Reads `WWW-Authenticate`: the bearer challenge when there is one, else the basic one, else null. */
export declare function parseChallenge(header: string | undefined): Challenge | null;
