/** `linux/arm64/v8` as Docker's API has it where images that are here are concerned: OCI's platform in JSON. */
export function formatPlatformQuery(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [os = '', architecture = '', variant] = text.split('/');
  return JSON.stringify({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}
