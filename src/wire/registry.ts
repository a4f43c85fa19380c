/** What a client proves to a registry who it is with; the engine passes it on and keeps it nowhere. */
export interface RegistryLogin {
  readonly username?: string;
  readonly password?: string;
  /** A refresh token of the registry's token service. */
  readonly identityToken?: string;
  /** Sent to the registry as it is. */
  readonly registryToken?: string;
}

/** What every call to a registry brings along. */
export interface RegistryCall {
  readonly login?: RegistryLogin;
  readonly signal: AbortSignal;
}

/** `POST /auth`, and what `X-Registry-Auth` holds as JSON in base64url. */
export interface DockerAuth {
  username?: string;
  password?: string;
  /** Username and password of old, `user:password` in base64. */
  auth?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** What a registry has under a reference. */
export interface RemoteImageView {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly platforms: readonly { readonly architecture: string; readonly os: string; readonly variant?: string }[];
}

/** A repository that a search has found. */
export interface SearchHitView {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
}

/** One of `GET /images/search`. */
export interface DockerSearchHit {
  star_count: number;
  is_official: boolean;
  name: string;
  is_automated: boolean;
  description: string;
}

/** `GET /distribution/{name}/json` */
export interface DockerDistribution {
  Descriptor: { mediaType: string; digest: string; size: number };
  Platforms: { architecture: string; os: string; variant?: string }[];
}
