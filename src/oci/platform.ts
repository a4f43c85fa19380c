import { OrlopError } from '#errors';
import { array, type Decoder, object, optional, required, string } from './json/decode.ts';

/** image-spec index, `platform`: names are GOOS and GOARCH. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
}

export const platformDecoder: Decoder<Platform> = object<Platform>({
  architecture: required(string),
  os: required(string),
  variant: optional(string),
  'os.version': optional(string),
  'os.features': optional(array(string)),
});

/** Names that Node, uname and people use, in Go's words. */
const architectures: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ['x64', ['amd64']],
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['ia32', ['386']],
  ['i386', ['386']],
  ['i686', ['386']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
]);

/** One spelling for each platform: arm64/v8 is arm64, arm is arm/v7, amd64/v1 is amd64. */
export function normalizePlatform(platform: Platform): Platform {
  const [architecture, implied] = architectures.get(platform.architecture.toLowerCase()) ?? [platform.architecture.toLowerCase()];
  const variant = normalizeVariant(architecture, platform.variant ?? implied);
  const { variant: _spelling, ...rest } = platform;
  return { ...rest, os: platform.os.toLowerCase(), architecture, ...(variant === undefined ? {} : { variant }) };
}

/** The platform of a Linux machine whose processor Node calls `arch` (`process.arch`). */
export function platformOfNodeArch(arch: string): Platform {
  return normalizePlatform({ os: 'linux', architecture: arch });
}

/** `os/arch[/variant]`, or just `arch` on Linux. Fails with invalid-argument `OCI_BAD_PLATFORM`. */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]{1,64}$/.test(part))) {
    throw new OrlopError('invalid-argument', 'OCI_BAD_PLATFORM', `bad platform ${JSON.stringify(text.slice(0, 200))}`, {
      hint: 'write it as linux/amd64 or linux/arm/v7',
    });
  }
  const [first = '', second, third] = parts;
  if (second === undefined)
    return normalizePlatform(first === 'linux' ? { os: 'linux', architecture: 'amd64' } : { os: 'linux', architecture: first });
  return normalizePlatform({ os: first, architecture: second, ...(third === undefined ? {} : { variant: third }) });
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = normalizePlatform(platform);
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** How well `offered` runs on `wanted`: 0 not at all, higher is better. Older 32-bit arm variants run on newer machines. */
export function rankPlatform(wanted: Platform, offered: Platform): number {
  const want = normalizePlatform(wanted);
  const offer = normalizePlatform(offered);
  if (want.os !== offer.os || want.architecture !== offer.architecture) return 0;
  if (want.variant === offer.variant) return 100;
  const rank = variantNumber(offer.variant);
  return rank <= variantNumber(want.variant) ? 50 + rank : 0;
}

function normalizeVariant(architecture: string, variant: string | undefined): string | undefined {
  const text = variant?.toLowerCase();
  const spelled = text !== undefined && /^\d+$/.test(text) ? `v${text}` : text;
  if (architecture === 'arm') return spelled === undefined || spelled === '' ? 'v7' : spelled;
  if (architecture === 'arm64' && spelled === 'v8') return undefined;
  if (architecture === 'amd64' && spelled === 'v1') return undefined;
  return spelled === '' ? undefined : spelled;
}

function variantNumber(variant: string | undefined): number {
  const match = /^v(\d{1,2})/.exec(variant ?? 'v1');
  return match === null ? 99 : Number(match[1]);
}
