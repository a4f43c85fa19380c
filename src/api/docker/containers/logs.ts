import { OrlopError } from '#errors';
import type { Exchange, Query } from '#api/http';
import { formatLogTime, frameHeader, parseTime } from '#wire';
import { streamType } from './attach.ts';
import type { ContainerBackend, LogRecord, LogRequest } from './backend.ts';

/** `GET /containers/{id}/logs`. */
export async function sendLogs(backend: ContainerBackend, exchange: Exchange): Promise<void> {
  const view = backend.containers.inspect(exchange.parameters['id'] ?? '');
  const request = decodeLogRequest(exchange.query);
  const terminal = view.request.terminal === true;
  const timestamps = exchange.query.flag('timestamps');
  const out = exchange.stream(200, streamType(exchange, terminal));
  for await (const record of backend.containers.logs(view.id, request, exchange.signal)) {
    if (exchange.signal.aborted) return;
    await out.write(formatRecord(record, { timestamps, framed: !terminal }));
  }
}

export function decodeLogRequest(query: Query): LogRequest {
  const stdout = query.flag('stdout');
  const stderr = query.flag('stderr');
  if (!stdout && !stderr) {
    throw new OrlopError('invalid-argument', 'DOCKER_NO_STREAMS', 'Bad parameters: you must choose at least one stream');
  }
  const tail = query.text('tail');
  const lines = /^\d{1,9}$/.test(tail) ? Number(tail) : undefined;
  return {
    follow: query.flag('follow'),
    stdout,
    stderr,
    ...timeField('sinceNs', query.text('since')),
    ...timeField('untilNs', query.text('until')),
    ...(lines === undefined ? {} : { tail: lines }),
  };
}

/** Docker's clients send 0 for no limit. */
function timeField<Name extends string>(name: Name, text: string): { [Key in Name]?: bigint } {
  return (text === '' || text === '0' ? {} : { [name]: parseTime(text) }) as { [Key in Name]?: bigint };
}

function formatRecord({ stream, timeNs, data }: LogRecord, { timestamps, framed }: { timestamps: boolean; framed: boolean }): Buffer {
  const line = timestamps ? Buffer.concat([Buffer.from(`${formatLogTime(timeNs)} `), data]) : data;
  return framed ? Buffer.concat([frameHeader(stream, line.length), line]) : line;
}
