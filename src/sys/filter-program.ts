import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { isErrno, OrlopError } from '#errors';

/** The end of what a program complained about is enough for an error. */
const maxComplaintBytes = 4096;

/**
 * Sends bytes through a program of the host, standard input to standard output, at the reader's pace. Who stops reading ends the program. Fails with
 * failed-precondition `SYS_PROGRAM_MISSING` when the host does not have it, with data-loss `SYS_FILTER_FAILED` (with what it said) when it refuses its input.
 */
export async function* filterThrough(
  program: string,
  args: readonly string[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
  });
  let complaint = '';
  let sourceError: Error | undefined;
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-maxComplaintBytes)));
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  ended.catch(() => undefined);
  const input = Readable.from(source, { objectMode: false, highWaterMark: 1024 * 1024 });
  input.once('error', (error) => {
    sourceError = error;
    child.kill('SIGKILL');
  });
  // EPIPE: it has seen enough, or failed and says so by its exit status.
  child.stdin.on('error', () => input.destroy());
  input.pipe(child.stdin);
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const status = await ended.catch((error: unknown) => {
      throw missing(program, error);
    });
    if (sourceError !== undefined) throw sourceError;
    if (status !== 0) throw refused(program, status, complaint);
  } finally {
    input.destroy();
    child.kill('SIGKILL');
  }
}

function missing(program: string, error: unknown): unknown {
  if (!isErrno(error, 'ENOENT')) return error;
  return new OrlopError('failed-precondition', 'SYS_PROGRAM_MISSING', `the program ${program} is not installed`, { cause: error });
}

function refused(program: string, status: number | NodeJS.Signals | null, complaint: string): OrlopError {
  const said = complaint.trim().split('\n').at(-1) ?? '';
  return new OrlopError('data-loss', 'SYS_FILTER_FAILED', said === '' ? `${program} ended with ${String(status)}` : said);
}
