import { toOrlopError } from '#errors';
import { formatErrorAnswer, type Exchange } from '#api/http';
import type { DockerProgress, Progress } from '#wire';

/** Docker's stream of a long operation, one JSON object a line. */
export interface ProgressStream {
  send(line: DockerProgress): void;
  step(step: Progress): void;
  /** Runs the operation. Its failure is the answer as long as nothing was sent, else the last line. */
  run(work: () => Promise<void>): Promise<void>;
}

export function openProgress(exchange: Exchange): ProgressStream {
  let out: ReturnType<Exchange['stream']> | undefined;
  let written: Promise<void> = Promise.resolve();
  const send = (line: DockerProgress): void => {
    out ??= exchange.stream(200, 'application/json');
    const stream = out;
    written = written.then(() => stream.write(`${JSON.stringify(line)}\r\n`));
  };
  return {
    send,
    step: ({ id, status, current, total }) => {
      const detail = current === undefined ? {} : { current, ...(total === undefined ? {} : { total }) };
      const bar = current === undefined || total === undefined ? {} : { progress: formatBar(current, total) };
      send({ status, progressDetail: detail, ...bar, ...(id === undefined || id === '' ? {} : { id }) });
    },
    async run(work) {
      try {
        await work();
      } catch (thrown) {
        if (out === undefined) throw thrown;
        send(failureLine(thrown));
      }
      await written;
    },
  };
}

/** The line that says that it has failed: the last one. */
export function failureLine(thrown: unknown): DockerProgress {
  const { body } = formatErrorAnswer(toOrlopError(thrown));
  return { error: body.message, errorDetail: { message: body.message }, errorBody: body };
}

/** What plain clients print behind the status: Docker's bar of fifty signs. */
function formatBar(current: number, total: number): string {
  const signs = Math.min(50, total <= 0 ? 50 : Math.floor((current / total) * 50));
  const bar = signs >= 50 ? '='.repeat(50) : `${'='.repeat(signs)}>${' '.repeat(49 - signs)}`;
  return `[${bar}] ${formatBytes(current)}/${formatBytes(total)}`;
}

function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : Number(value.toPrecision(4))}${units[unit]}`;
}
