import { OrlopError } from '#errors';
import type { EngineContext } from '../context.ts';
import type { ContainerRecord } from './record.ts';

/**
 * Where the cgroup of a container that asked for a parent is made, below each hierarchy's root; undefined: below ours, under a name that the sandbox was given. A parent
 * without a leading slash lies below ours. It stays when its last container goes, as with Docker. invalid-argument for one that leads out.
 */
export function cgroupPathOf(
  context: Pick<EngineContext, 'cgroupParent'>,
  { id, request }: Pick<ContainerRecord, 'id' | 'request'>,
): string | undefined {
  const parent = request.cgroupParent;
  if (parent === undefined) return undefined;
  const parts = parent.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || /[\0\n]/.test(parent)) {
    throw new OrlopError('invalid-argument', 'ENGINE_CGROUP_PARENT', `invalid cgroup parent ${JSON.stringify(parent)}`, {
      hint: 'name a cgroup below the root, such as /machines/web',
    });
  }
  return [...(parent.startsWith('/') ? [] : [context.cgroupParent]), ...parts, id].join('/');
}
