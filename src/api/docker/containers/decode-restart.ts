import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { RestartPolicy } from '#wire';

const names = ['no', 'always', 'unless-stopped', 'on-failure'] as const;

/** HostConfig.RestartPolicy, in Docker's words when it cannot be; undefined for none. */
export function decodeRestartPolicy(host: JsonReader): RestartPolicy | undefined {
  const policy = host.object('RestartPolicy');
  const asked = policy.text('Name');
  const maximumRetries = policy.integer('MaximumRetryCount');
  const name = names.find((known) => known === asked);
  if (name === undefined && asked !== '')
    throw invalid(`unknown policy '${asked}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  if (maximumRetries !== 0 && name !== 'on-failure') throw invalid("maximum retry count can only be used with 'on-failure'");
  if (maximumRetries < 0) throw invalid('maximum retry count cannot be negative');
  if (name === undefined || name === 'no') return undefined;
  if (host.flag('AutoRemove'))
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_RESTART', "can't create 'AutoRemove' container with restart policy");
  const spans = { delayMs: spanMs(policy, 'Delay'), windowMs: spanMs(policy, 'Window') };
  return {
    name,
    ...(maximumRetries === 0 ? {} : { maximumRetries }),
    ...(spans.delayMs === 0 ? {} : { delayMs: spans.delayMs }),
    ...(spans.windowMs === 0 ? {} : { windowMs: spans.windowMs }),
  };
}

/** Orlop's own fields, in nanoseconds; 0: not given. */
function spanMs(policy: JsonReader, field: 'Delay' | 'Window'): number {
  const asked = policy.integer(field);
  if (asked < 0) throw invalid(`${field} cannot be negative`);
  return asked / 1e6;
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_RESTART', `invalid restart policy: ${message}`);
}
