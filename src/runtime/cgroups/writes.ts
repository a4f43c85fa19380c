import { OrlopError } from '#errors';
import type { CgroupController } from './types.ts';

/** One value for one control file. `about` is the JSON path that asked for it, for messages. */
export interface CgroupWrite {
  readonly controller: CgroupController;
  readonly file: string;
  readonly value: string;
  readonly about: string;
  /** Tried instead when the file does not exist (a controller's older or newer name for the same thing). */
  readonly otherwise?: { readonly file: string; readonly value: string };
  /** Nobody asked for it by name: where the cgroup above does not have it to give, this one goes without. */
  readonly unlessForbidden?: boolean;
  /** Where the file does not exist, what is asked for holds anyway. */
  readonly optional?: boolean;
}

export type CgroupVersion = 1 | 2;

/** Decimal text of a whole number of any size; -1 stays -1. */
export function formatWhole(value: number | bigint): string {
  return BigInt(typeof value === 'number' ? Math.trunc(value) : value).toString();
}

/** `max` for what runtime-spec writes as a negative number. */
export function formatLimit(value: number | bigint): string {
  return value < 0 ? 'max' : formatWhole(value);
}

export function refuseResource(about: string, why: string): OrlopError {
  return new OrlopError('unimplemented', 'RUNTIME_RESOURCE_UNSUPPORTED', `${about} cannot be applied: ${why}`, {
    hint: 'remove it from the spec or use a host whose cgroups offer it',
    details: { path: about },
  });
}
