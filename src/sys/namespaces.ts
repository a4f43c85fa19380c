import { openSync } from 'node:fs';
import type { Addon } from './addon.ts';
import { withErrno } from './errno.ts';
import type { NamespaceKind } from './procfs.ts';

/** A descriptor that keeps a process's namespace alive and joins it (setns(2)). The caller closes it. Fails with ErrnoError ENOENT when the process has gone. */
export function openNamespace(pid: number | 'self', kind: NamespaceKind): number {
  const path = `/proc/${pid}/ns/${kind}`;
  return withErrno(path, () => openSync(path, 'r'));
}

export interface Namespaces extends Disposable {
  readonly descriptors: Readonly<Partial<Record<NamespaceKind, number>>>;
}

/** Several namespaces of one process, all or none; closed together. */
export function openNamespaces(addon: Addon, pid: number | 'self', kinds: readonly NamespaceKind[]): Namespaces {
  using undo = new DisposableStack();
  const descriptors: Partial<Record<NamespaceKind, number>> = {};
  for (const kind of kinds) {
    const descriptor = openNamespace(pid, kind);
    undo.defer(() => addon.close(descriptor));
    descriptors[kind] = descriptor;
  }
  const held = undo.move();
  return { descriptors, [Symbol.dispose]: () => held.dispose() };
}
