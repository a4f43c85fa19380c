import type { RestartPolicy } from '#wire';
import { refusedValue, usageError } from '../arguments/usage-error.ts';

const names = ['no', 'always', 'unless-stopped', 'on-failure'] as const;

/** `no`, `always`, `unless-stopped`, `on-failure[:retries]`, with Docker's words for what is none of them. */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [asked = '', count, ...rest] = text.split(':');
  if (rest.length > 0 || (count !== undefined && !/^\d{1,9}$/.test(count)))
    throw usageError('invalid restart policy format: maximum retry count must be an integer');
  const name = names.find((known) => known === asked);
  if (name === undefined)
    throw refusedValue(`invalid restart policy: unknown policy '${asked}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  if (count !== undefined && name !== 'on-failure')
    throw refusedValue("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  return count === undefined || Number(count) === 0 ? { name } : { name, maximumRetries: Number(count) };
}
