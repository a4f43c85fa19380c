import { execFile } from 'node:child_process';
import { OrlopError } from '#errors';

const longest = { program: 'ps', patienceMs: 10_000 };

/**
 * What the host's ps(1) prints. It reads command lines out of the memory of other processes, and waits where that memory waits for a file system that does not
 * answer: then it is killed, and the call fails with `deadline-exceeded` without waiting for its end.
 */
export function runPs(wanted: readonly string[], { program, patienceMs } = longest): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile(program, wanted, { maxBuffer: 64 * 1024 * 1024 }, (cause, stdout, stderr) => {
    if (cause === null) return resolve(stdout);
    const said = stderr.trim().split('\n')[0];
    reject(
      new OrlopError('invalid-argument', 'ENGINE_TOP_FAILED', `ps: ${said === undefined || said === '' ? cause.message : said}`, {
        hint: 'see ps(1) of procps',
        cause,
      }),
    );
  });
  const timer = setTimeout(() => {
    reject(
      new OrlopError('deadline-exceeded', 'ENGINE_TOP_STUCK', `ps has not ended within ${patienceMs / 1000} s`, {
        hint: 'a process waits for a file system that does not answer, and its command line cannot be read; ask for other columns, such as: -o pid,stat,comm',
      }),
    );
    child.kill('SIGKILL');
  }, patienceMs);
  return promise.finally(() => clearTimeout(timer));
}
