import { toOrlopError } from '#errors';
import { formatErrorAnswer, type Exchange } from '#api/http';
import type { Progress, ProgressLine } from '#wire';

/**
 * Answers with JSON lines: progress while the work runs, then its result or its error. The status is sent before the work's outcome is
 * known, so the error carries its own.
 */
export async function streamProgress<Result>(
  exchange: Exchange,
  work: (report: (step: Progress) => void) => Promise<Result>,
): Promise<void> {
  const out = exchange.stream(200, 'application/x-ndjson');
  let last = Promise.resolve();
  const send = (line: ProgressLine<Result>): void => {
    last = last.then(() => out.write(`${JSON.stringify(line)}\n`));
  };
  try {
    const result = await work((progress) => send({ progress }));
    send({ result });
  } catch (thrown) {
    const { status, body } = formatErrorAnswer(toOrlopError(thrown));
    send({ error: { status, ...body } });
  }
  await last;
}
