export { createLogger, type LogFields, type LogLevel, type Logger, type LogSink } from './logger.ts';
