/**
 * The same for parseJson, as text where that is certain to be what the bytes say. A TextDecoder, which must tell what is no UTF-8, takes longer to make than a short command
 * has for all of its JSON.
 */
export function toJsonText(bytes: Buffer): string | Buffer {
  const text = bytes.toString();
  return text.includes('\u{FFFD}') || text.startsWith('\u{FEFF}') ? bytes : text;
}
