import { OrlopError } from '#errors';

/** What `JSON.parse` hands its reviver as third argument: the number as it was written. */
interface ReviverContext {
  readonly source?: string;
}

export interface ParseJsonOptions {
  /** Names the document in errors: `manifest`, `config.json`. */
  readonly name: string;
  readonly maxBytes: number;
}

/**
 * JSON text to a value. Integers beyond 2^53 become bigint where the engine tells their source text, so that 64-bit masks keep every bit.
 * Fails with invalid-argument `OCI_BAD_JSON` when the text is too long, is no JSON or no UTF-8.
 */
export function parseJson(text: string | Uint8Array, options: ParseJsonOptions): unknown {
  if (text.length > options.maxBytes) throw badJson(`${options.name}: ${text.length} bytes are more than the ${options.maxBytes} allowed`);
  const source = typeof text === 'string' ? text : decodeUtf8(text, options.name);
  try {
    // The reviver visits each value, so it runs only when a long number is in sight.
    return /\d{16}/.test(source) ? JSON.parse(source, keepLongIntegers) : JSON.parse(source);
  } catch (cause) {
    throw badJson(`${options.name}: ${cause instanceof Error ? cause.message : 'not JSON'}`, cause);
  }
}

/** The inverse: bigints are printed as numbers. `indent` 0 prints on one line. */
export function formatJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? rawJson.rawJSON(String(inner)) : inner), indent);
}

/** In V8 and JavaScriptCore, not yet in TypeScript's library (proposal "JSON.parse source text access"). */
const rawJson = JSON as unknown as { rawJSON(text: string): unknown };

function keepLongIntegers(_key: string, value: unknown, context?: ReviverContext): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d{16,20}$/.test(source) ? BigInt(source) : value;
}

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw badJson(`${name}: not UTF-8 text`, cause);
  }
}

function badJson(message: string, cause?: unknown): OrlopError {
  return new OrlopError('invalid-argument', 'OCI_BAD_JSON', message, { cause });
}
