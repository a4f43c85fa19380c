import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ErrnoError, isOrlopError, OrlopError } from '#errors';
import { describeErrno } from '../sandbox/errno-words.ts';

/** Runs `apply`, which sets limits of a cgroup. What the kernel does not take is told as runc tells it, after `prefix`. */
export function wordLimits(apply: () => void, prefix: string): void {
  try {
    apply();
  } catch (error) {
    const text = isOrlopError(error) ? describe(error) : null;
    if (!isOrlopError(error) || text === null) throw error;
    throw new OrlopError(error.kind, error.code, `${prefix}${text}`, { cause: error });
  }
}

function describe({ code, message, cause }: OrlopError): string | null {
  if (code === 'RUNTIME_RESOURCE_RANGE') return message;
  if (code === 'RUNTIME_SWAPPINESS')
    return message.replace(/^\S+ (\S+) is not between 0 and 100$/, 'invalid memory swappiness value: $1 (valid range is 0-100)');
  if (!(cause instanceof ErrnoError) || cause.path === undefined) return null;
  const directory = dirname(cause.path);
  const value = /(?:refuses "(.*)" for|be set to (\S+)) /.exec(message)?.slice(1).join('') ?? '';
  if (code === 'RUNTIME_RESOURCE_BUSY' && cause.path.endsWith('memory.limit_in_bytes')) {
    const read = (file: string): string => readFileSync(join(directory, file), 'utf8').trim();
    const [usage, peak] = [read('memory.usage_in_bytes'), read('memory.max_usage_in_bytes')];
    return `unable to set memory limit to ${value} (current usage: ${usage}, peak usage: ${peak})`;
  }
  if (code !== 'RUNTIME_RESOURCE_VALUE' && code !== 'RUNTIME_RESOURCE_BUSY') return null;
  return `failed to write ${JSON.stringify(value)}: write ${cause.path}: ${cause.errno === 'ENODEV' ? 'no such device' : describeErrno(cause.errno)}`;
}
