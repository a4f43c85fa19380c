import type { IdMap } from '#runtime';
import type { EngineContext } from '../context.ts';
import type { ContainerRecord } from './record.ts';

/** Where changes of a running container's mounts take place. */
export function runningPlace(
  { addon, bosun }: Pick<EngineContext, 'addon' | 'bosun'>,
  { state, run }: Pick<ContainerRecord, 'state' | 'run'>,
) {
  const range = run?.idRange ?? null;
  const lines = range === null ? [] : [{ containerID: 0, hostID: range.first, size: range.count }];
  const idMap: IdMap = { uids: lines, gids: lines };
  return { addon, bosun, pid: state.pid, ...(range === null ? {} : { idMap }) };
}
