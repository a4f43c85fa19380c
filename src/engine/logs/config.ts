import { OrlopError } from '#errors';
import { parseDuration, parseSize as parseBinarySize, type LogConfig } from '#wire';
import { compileTag } from './tag.ts';

export type LogDriver = 'json-file' | 'local' | 'none';

/** When a log goes on in another file, and what of it stays. */
export interface Retention {
  /** Bytes of one file; 0: no limit. */
  readonly sizeBytes: number;
  /** ns from a file's first record; 0: no limit. */
  readonly ageNs: bigint;
  /** Files that stay, with the one that is written. */
  readonly files: number;
  /** Files that are closed are packed with gzip. */
  readonly compress: boolean;
}

export interface LogSettings {
  readonly driver: LogDriver;
  readonly retention: Retention;
  /** Bytes of output that may wait for the disk before more is dropped; null: the process waits. */
  readonly bufferBytes: number | null;
  /** What of the container is written into each record. */
  readonly wishes: AttributeWishes;
}

export interface AttributeWishes {
  readonly labels: readonly string[];
  readonly labelsRegex: RegExp | null;
  readonly env: readonly string[];
  readonly envRegex: RegExp | null;
  /** A template as Docker has it, `{{.Name}}`; '' for none. */
  readonly tag: string;
}

/** What Docker's clients are told of: `none` is no driver to them. */
export const readableDrivers: readonly string[] = ['json-file', 'local'];

const weekNs = 7n * 24n * 3_600_000_000_000n;
/** Three files of ten megabytes or a week each: a quiet container's last two weeks are there, a talkative one's last twenty megabytes. */
const jsonFileDefaults: Retention = { sizeBytes: 10_000_000, ageNs: weekNs, files: 3, compress: false };
/** As Docker's, but for the age. */
const localDefaults: Retention = { sizeBytes: 20_000_000, ageNs: weekNs, files: 5, compress: true };

const commonOptions = ['max-size', 'max-file', 'max-age', 'compress', 'mode', 'max-buffer-size'];
const attributeOptions = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];
const knownOptions: Readonly<Record<LogDriver, readonly string[]>> = {
  'json-file': [...commonOptions, ...attributeOptions],
  local: commonOptions,
  none: [],
};

/** What a container asks for over what the engine was started with, as Docker joins them: options of the engine's are those of its own driver. */
export function mergeLogConfig(asked: LogConfig | undefined, standard: LogConfig): LogConfig {
  const driver = asked?.driver === undefined || asked.driver === '' ? standard.driver : asked.driver;
  return { driver, options: { ...(driver === standard.driver ? standard.options : {}), ...asked?.options } };
}

/** invalid-argument in Docker's words for a driver or an option that is none; unimplemented for those that Orlop does not have. */
export function parseLogConfig({ driver, options }: LogConfig): LogSettings {
  if (driver !== 'json-file' && driver !== 'local' && driver !== 'none') throw noDriver(driver);
  const unknown = Object.keys(options).find((name) => !knownOptions[driver].includes(name));
  if (unknown !== undefined) throw noOption(unknown, driver);
  return {
    driver,
    retention: parseRetention(options, driver === 'local' ? localDefaults : jsonFileDefaults),
    bufferBytes: parseBuffer(options),
    wishes: parseWishes(options),
  };
}

type Options = LogConfig['options'];

function parseRetention(options: Options, standard: Retention): Retention {
  const files = options['max-file'] === undefined ? standard.files : parseCount(options['max-file']);
  const compress = options['compress'] === undefined ? standard.compress && files > 1 : parseFlag('compress', options['compress']);
  if (compress && files < 2) throw badValue('compress cannot be true when max-file is less than 2', 'give max-file=2 or more');
  return {
    files,
    compress,
    sizeBytes: options['max-size'] === undefined ? standard.sizeBytes : parseSize(options['max-size']),
    ageNs: options['max-age'] === undefined ? standard.ageNs : parseAge(options['max-age']),
  };
}

function parseWishes(options: Options): AttributeWishes {
  const names = (text: string | undefined): string[] => (text ?? '').split(',').filter((name) => name !== '');
  const tag = options['tag'] ?? '';
  compileTag(tag);
  return {
    labels: names(options['labels']),
    labelsRegex: parsePattern(options['labels-regex']),
    env: names(options['env']),
    envRegex: parsePattern(options['env-regex']),
    tag,
  };
}

/** Docker's sizes of logs are decimal: `10m` is ten million bytes. -1 is no limit. */
function parseSize(text: string): number {
  if (text === '-1') return 0;
  const parts = /^(\d+(?:\.\d+)?) ?([kmgtp])?i?b?$/i.exec(text);
  if (parts === null) throw badValue(`invalid size: '${text}'`, 'give max-size as bytes or as in 500k, 10m, 1g; -1 for no limit');
  const factor = 1000 ** ' kmgtp'.indexOf((parts[2] ?? ' ').toLowerCase());
  const bytes = Math.floor(Number(parts[1]) * factor);
  if (bytes <= 0 || !Number.isSafeInteger(bytes)) throw badValue('max-size must be a positive number', 'give -1 for no limit');
  return bytes;
}

function parseCount(text: string): number {
  if (!/^[+-]?\d{1,9}$/.test(text)) throw badValue(`invalid max-file: ${JSON.stringify(text)} is not a number`, 'give 1 or more');
  if (Number(text) < 1) throw badValue('max-file cannot be less than 1', 'give 1 or more');
  return Number(text);
}

/** Docker has no such option. `7d` or a duration as in `12h`; -1 is no limit. */
function parseAge(text: string): bigint {
  if (text === '-1') return 0n;
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const ageNs = days === undefined ? parseDuration(text) : BigInt(days) * 24n * 3_600_000_000_000n;
  if (ageNs === null || ageNs <= 0n || ageNs >= 1n << 62n)
    throw badValue(`invalid age: '${text}'`, 'give max-age as in 12h or 7d; -1 for no limit');
  return ageNs;
}

function parseFlag(name: string, text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw badValue(`invalid ${name}: ${JSON.stringify(text)} is neither true nor false`, 'give true or false');
}

function parsePattern(text: string | undefined): RegExp | null {
  if (text === undefined || text === '') return null;
  try {
    return new RegExp(text);
  } catch (cause) {
    const message = `failed to initialize logging driver: error parsing regexp: \`${text}\``;
    throw new OrlopError('invalid-argument', 'ENGINE_BAD_LOG_OPTION', message, { cause });
  }
}

/** As Docker's, a decimal megabyte where nothing is said, though sizes that are given are binary: `1m` is 1,048,576 bytes. */
const standardBufferBytes = 1_000_000;
/** More would only be refused when the container starts. */
const largestBufferBytes = 2 ** 40;

function parseBuffer(options: Options): number | null {
  const [mode, size] = [options['mode'] ?? '', options['max-buffer-size']];
  if (!['', 'blocking', 'non-blocking'].includes(mode))
    throw invalid(`logger: logging mode not supported: ${mode}`, 'modes are blocking and non-blocking');
  if (mode !== 'non-blocking') {
    if (size === undefined) return null;
    throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'", 'give mode=non-blocking as well');
  }
  const bytes = size === undefined ? standardBufferBytes : parseBinarySize(size);
  if (bytes === null || bytes > largestBufferBytes)
    throw invalid(`error parsing option max-buffer-size: invalid size: '${size}'`, 'give it as in 512k, 4m');
  return bytes;
}

function noDriver(name: string): OrlopError {
  const message = `error looking up logging plugin ${name}: plugin ${JSON.stringify(name)} not found`;
  return new OrlopError('invalid-argument', 'ENGINE_NO_LOG_DRIVER', message, { hint: 'log drivers are json-file, local and none' });
}

function noOption(name: string, driver: LogDriver): OrlopError {
  const where = driver === 'local' ? 'log driver local' : `${driver} log driver`;
  const known = knownOptions[driver];
  return new OrlopError('invalid-argument', 'ENGINE_NO_LOG_OPTION', `unknown log opt '${name}' for ${where}`, {
    hint: known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`,
  });
}

function invalid(message: string, hint: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_BAD_LOG_OPTION', message, { hint });
}

/** Docker says so when the container starts, we when it is made. */
function badValue(message: string, hint: string): OrlopError {
  return invalid(`failed to initialize logging driver: ${message}`, hint);
}
