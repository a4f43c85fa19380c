export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;
/** Receives one finished line, with its newline. */
export type LogSink = (line: string) => void;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level?: LogLevel;
  /** `json`: one object a line · `journal`: for systemd's, see createLogger. */
  readonly format?: 'json' | 'journal';
  readonly sink?: LogSink;
  readonly clock?: () => Date;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** The journal's prefixes: sd-daemon(3). */
const priorities: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/**
 * Writes one JSON object a line: `time`, `level`, `message`, then the fields; for the journal, which knows the time itself, priority, message and then the fields, if
 * there are any: `<6>ready {"version":"1.0"}`. Errors show message, code and cause, never the stack below `debug`.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const level = options.level ?? 'info';
  const sink = options.sink ?? ((line) => process.stderr.write(line));
  const clock = options.clock ?? (() => new Date());
  const build = (bound: LogFields): Logger => {
    const write = (at: LogLevel, message: string, fields: LogFields = {}): void => {
      if (ranks[at] < ranks[level]) return;
      const show = (record: LogFields): string => JSON.stringify(record, (_key, value: unknown) => describe(value, level));
      const all = { ...bound, ...fields };
      if (options.format !== 'journal') return sink(`${show({ time: clock().toISOString(), level: at, message, ...all })}\n`);
      const shown = Object.keys(all).length === 0 ? '' : ` ${show(all)}`;
      sink(`<${priorities[at]}>${message.replaceAll('\n', ' ')}${shown}\n`);
    };
    return {
      debug: (message, fields) => write('debug', message, fields),
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields) => write('error', message, fields),
      child: (fields) => build({ ...bound, ...fields }),
    };
  };
  return build({});
}

function describe(value: unknown, level: LogLevel): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  const code = (value as NodeJS.ErrnoException).code;
  return {
    message: value.message,
    ...(code === undefined ? {} : { code }),
    ...(value.cause === undefined ? {} : { cause: value.cause }),
    ...(level === 'debug' ? { stack: value.stack } : {}),
  };
}
