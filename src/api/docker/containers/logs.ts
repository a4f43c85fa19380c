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
  const look = { timestamps: exchange.query.flag('timestamps'), details: exchange.query.flag('details'), framed: !terminal };
  const records = await openRecords((onOpen) => backend.containers.logs(view.id, { ...request, onOpen }, exchange.signal));
  const out = exchange.stream(200, streamType(exchange, terminal));
  for await (const record of records) {
    if (exchange.signal.aborted) return;
    await out.write(formatRecord(record, look));
  }
}

/** Waits until the log is open: whoever has our answer may remove the container and still reads all of it. */
async function openRecords(open: (onOpen: () => void) => AsyncIterable<LogRecord>): Promise<AsyncIterable<LogRecord>> {
  const { promise: opened, resolve: onOpen } = Promise.withResolvers<void>();
  const records = open(onOpen)[Symbol.asyncIterator]();
  const first = records.next();
  await Promise.race([opened, first]);
  return (async function* () {
    try {
      for (let step = await first; step.done !== true; step = await records.next()) yield step.value;
    } finally {
      await records.return?.();
    }
  })();
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

interface RecordLook {
  readonly timestamps: boolean;
  readonly details: boolean;
  readonly framed: boolean;
}

export function formatRecord({ stream, timeNs, data, attributes = {} }: LogRecord, { timestamps, details, framed }: RecordLook): Buffer {
  const before = `${timestamps ? `${formatLogTime(timeNs)} ` : ''}${details ? `${formatDetails(attributes)} ` : ''}`;
  const line = before === '' ? data : Buffer.concat([Buffer.from(before), data]);
  return framed ? Buffer.concat([frameHeader(stream, line.length), line]) : line;
}

/** `name=value,name=value` in the order of names, encoded as in a form: so that a comma is always between two of them. */
function formatDetails(attributes: Readonly<Record<string, string>>): string {
  const encode = (text: string): string =>
    new URLSearchParams({ x: text }).toString().slice(2).replaceAll('%7E', '~').replaceAll('*', '%2A');
  const pairs = Object.entries(attributes).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join(',');
}
