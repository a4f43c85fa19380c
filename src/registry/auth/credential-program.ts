import { spawn } from 'node:child_process';
import { isErrno, OrlopError } from '#errors';

export interface HelperOptions {
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface HelperOutcome {
  readonly code: number | null;
  readonly stdout: string;
}

const maxOutputBytes = 1024 * 1024;

/**
 * Runs `docker-credential-NAME VERB` (docker-credential-helpers' protocol). Unavailable `REGISTRY_HELPER_FAILED` when there is none, when it takes too long
 * or says too much; its exit code is the caller's business.
 */
export function runHelper(
  name: string,
  verb: 'get' | 'store' | 'erase',
  input: string,
  options: HelperOptions = {},
): Promise<HelperOutcome> {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw failed(name, 'its name is malformed');
  const { timeoutMs = 30_000, env = process.env } = options;
  const child = spawn(`docker-credential-${name}`, [verb], { stdio: ['pipe', 'pipe', 'ignore'], env: { ...env } });
  return new Promise((resolve, reject) => {
    const stop = (why: string): void => {
      reject(failed(name, why));
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop(`it took more than ${timeoutMs} ms`), timeoutMs);
    const chunks: Buffer[] = [];
    let length = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxOutputBytes) stop('it says too much');
      else chunks.push(chunk);
    });
    child.stdin.on('error', () => undefined).end(input);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(failed(name, isErrno(error, 'ENOENT') ? 'it is not installed' : error.message));
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(chunks).toString('utf8') });
    });
  });
}

export function failed(name: string, why: string): OrlopError {
  return new OrlopError('unavailable', 'REGISTRY_HELPER_FAILED', `credential helper docker-credential-${name.slice(0, 100)}: ${why}`);
}
