import { OrlopError } from '#errors';
import type { NamespaceName } from '#runtime';
import type { ContainerRecord } from '../container/record.ts';
import type { ContainerId, CreateRequest } from '../model.ts';

/** Namespaces that can be another container's. */
export type JoinableName = 'net' | 'pid' | 'ipc';

/** Which namespaces of a container are not its own. */
export interface NamespacePlan {
  /** The host's. */
  readonly shared: ReadonlySet<NamespaceName>;
  /** Other containers'. */
  readonly joined: ReadonlyMap<JoinableName, ContainerId>;
}

type Asked = Pick<ContainerRecord, 'network' | 'request'>;

/** The id of the container whose namespace a mode means; null for any other mode. */
export function joinedId(mode: string | undefined): ContainerId | null {
  return mode?.startsWith('container:') === true ? (mode.slice('container:'.length) as ContainerId) : null;
}

/**
 * Whose namespaces a container is in. Those of the host belong to the host's users, and only with these can anything be done in them: with one of them shared, but for that
 * of names (uts), a container has no users of its own. Pure.
 */
export function planNamespaces({ network, request }: Asked): NamespacePlan {
  const { pidNamespace, ipcNamespace, utsNamespace, cgroupNamespace } = request;
  const modes: readonly (readonly [name: NamespaceName, mode: string | undefined])[] = [
    ['net', network],
    ['pid', pidNamespace],
    ['ipc', ipcNamespace],
    ['cgroup', cgroupNamespace],
  ];
  const hosts = modes.filter(([, mode]) => mode === 'host').map(([name]) => name);
  const asHost = hosts.length > 0 || wantsHostUsers(request);
  const joins: readonly (readonly [name: JoinableName, mode: string | undefined])[] = [
    ['net', network],
    ['pid', pidNamespace],
    ['ipc', ipcNamespace],
  ];
  return {
    shared: new Set<NamespaceName>([...hosts, ...(asHost ? ['user' as const] : []), ...(utsNamespace === 'host' ? ['uts' as const] : [])]),
    joined: new Map(
      joins.flatMap(([name, mode]) => {
        const id = joinedId(mode);
        return id === null ? [] : [[name, id] as const];
      }),
    ),
  };
}

function wantsHostUsers({ userNamespace, privileged }: CreateRequest): boolean {
  return userNamespace === 'host' || (privileged === true && userNamespace !== 'auto');
}

/** Refuses, before anything is made, namespaces that do not go together. Docker's words where it has any. */
export function checkNamespaces(request: CreateRequest, network: string): void {
  const { utsNamespace, hostname = '', domainname = '', kind } = request;
  if (utsNamespace === 'host' && hostname !== '') throw invalid('conflicting options: hostname and the UTS mode');
  if (utsNamespace === 'host' && domainname !== '') throw invalid('conflicting options: domainname and the UTS mode');
  const { shared, joined } = planNamespaces({ network, request });
  const others = [...shared].filter((name) => name !== 'user' && name !== 'uts');
  const [first] = others;
  if (first !== undefined && request.userNamespace === 'auto') {
    throw invalid(
      `cannot share the host's ${words[first] ?? first} namespace with an own user namespace: it belongs to the host's`,
      'leave out --userns auto',
    );
  }
  if (kind === 'system' && request.privileged !== true && others.length > 0)
    throw invalid(`a system container has a ${words[first ?? 'net'] ?? ''} namespace of its own`);
  if (kind === 'system' && joined.size > 0) throw invalid('a system container has namespaces of its own');
}

const words: Readonly<Partial<Record<NamespaceName, string>>> = { net: 'network', pid: 'PID', ipc: 'IPC', cgroup: 'cgroup' };

function invalid(message: string, hint?: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_NAMESPACE_CONFLICT', message, hint === undefined ? {} : { hint });
}
