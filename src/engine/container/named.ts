import { isOrlopError, OrlopError } from '#errors';
import type { EngineContext } from '../context.ts';
import type { LiveContainer } from './table.ts';

/**
 * Another container that a request for a new one names. That there is none is the request's fault and no `not-found`: of a creation, clients take that for a missing
 * image and pull it.
 */
export function findNamed({ table }: Pick<EngineContext, 'table'>, ref: string): LiveContainer {
  try {
    return table.find(ref);
  } catch (cause) {
    if (!isOrlopError(cause, 'not-found')) throw cause;
    const { code, message, hint } = cause;
    throw new OrlopError('invalid-argument', code, message, { cause, ...(hint === undefined ? {} : { hint }) });
  }
}
