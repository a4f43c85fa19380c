import { type Digest, formatReference, parseReference } from '#oci';
import type { Store } from '#store';

const repository = { domain: 'localhost', path: 'untagged' } as const;

/**
 * The name in the database of an image that has none: it is kept, and shown as `<none>`, until it is removed or named. The content has to be named by
 * something, else the next collection takes it.
 */
export function untaggedName(target: Digest): string {
  return formatReference({ ...repository, digest: target });
}

export function isUntagged(name: string): boolean {
  const { domain, path } = parseReference(name);
  return domain === repository.domain && path === repository.path;
}

/** An image that has got a name needs no substitute for one. Inside the transaction that names it. */
export function dropUntagged(store: Store, target: Digest): void {
  store.metadata.images.remove(untaggedName(target));
}
