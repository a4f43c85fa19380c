import { OrlopError } from '#errors';
import { parseErrorBody, type Progress, type ProgressLine } from '#wire';
import { readLines } from './answers.ts';
import type { Answer } from './transport/transport.ts';

/** Follows a long operation to its result; its error is thrown as the engine made it. data-loss when neither came. */
export async function followProgress<Result>(answer: Answer, report: (step: Progress) => void): Promise<Result> {
  for await (const line of readLines<ProgressLine<Result>>(answer.body)) {
    if ('progress' in line) report(line.progress);
    else if ('result' in line) return line.result;
    else throw parseErrorBody(line.error.status, JSON.stringify(line.error));
  }
  throw new OrlopError('data-loss', 'CLIENT_NO_RESULT', 'the engine ended the operation without a result');
}
