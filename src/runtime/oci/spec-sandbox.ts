import { closeSync, openSync } from 'node:fs';
import { posix } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { NamespaceType, Spec } from '#oci';
import { rejectField } from '../plan/refuse.ts';
import type { IdMap, NamespaceName, NamespaceRequest } from '../sandbox/types.ts';

const kernelNames: Readonly<Record<NamespaceType, NamespaceName>> = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
};

/** linux.namespaces, those with a path opened; closed together. */
export interface OpenNamespaces extends Disposable {
  readonly namespaces: readonly NamespaceRequest[];
}

export function openSpecNamespaces(spec: Spec): OpenNamespaces {
  using undo = new DisposableStack();
  const seen = new Set<NamespaceType>();
  const namespaces = (spec.linux?.namespaces ?? []).map(({ type, path }, index): NamespaceRequest => {
    const at = `linux.namespaces[${index}]`;
    if (seen.has(type)) throw rejectField(at, `names ${type} twice`);
    seen.add(type);
    if (path === undefined || path === '') return { name: kernelNames[type] };
    const join = openNamespaceFile(path, at);
    undo.defer(() => closeSync(join));
    return { name: kernelNames[type], join };
  });
  const held = undo.move();
  return { namespaces, [Symbol.dispose]: () => held.dispose() };
}

function openNamespaceFile(path: string, at: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_NAMESPACE_MISSING', `config.json ${at}.path ${path} does not exist`, {
      details: { path },
      cause: error,
    });
  }
}

/** The mappings of a new user namespace, or null. */
export function idMapOf(spec: Spec): IdMap | null {
  const { uidMappings = [], gidMappings = [], namespaces = [] } = spec.linux ?? {};
  const user = namespaces.find((namespace) => namespace.type === 'user');
  if (uidMappings.length + gidMappings.length === 0) return null;
  if (user === undefined) throw rejectField('linux.uidMappings', 'needs an own user namespace', 'add {"type": "user"} to linux.namespaces');
  return { uids: uidMappings, gids: gidMappings };
}

/**
 * linux.cgroupsPath below each hierarchy's root, whether it begins with a slash or not; by default the id. What is written for systemd, `slice:prefix:name`, is
 * a name like any other here, as for runc.
 */
export function cgroupPathOf(spec: Spec, id: string): string {
  const clean = posix.normalize(posix.join('/', spec.linux?.cgroupsPath ?? '')).slice(1);
  return clean === '' ? id : clean;
}
