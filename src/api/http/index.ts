export { createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts';
export type { AnswerStream, Exchange } from './exchange.ts';
export type { Route } from './router.ts';
export type { Query } from './query.ts';
export { createJsonReader, type JsonReader } from './json-reader.ts';
export { endConnection } from './end-connection.ts';
export { formatErrorAnswer, type ErrorAnswer } from './error-answer.ts';
export { compareVersions, type VersionWindow } from './target.ts';
export { plainTcpRefused, type MutualTls } from './tls.ts';
