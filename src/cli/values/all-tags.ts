import { OrlopError } from '#errors';
import { formatReference, parseReference, withDefaultTag } from '#oci';

/** The image that is meant, in full; with `--all-tags` its repository, which then may have no tag. */
export function parseName(name: string, allTags: boolean): string {
  const reference = parseReference(name);
  if (!allTags) return formatReference(withDefaultTag(reference));
  if (reference.tag === undefined && reference.digest === undefined) return formatReference(reference);
  throw new OrlopError('invalid-argument', 'CLI_WRONG_WORDS', `${name} names a tag: with --all-tags it must not`);
}

/** Nothing in the name says which tag, which is said before the work begins. */
export function takesDefaultTag(name: string, allTags: boolean): boolean {
  const { tag, digest } = parseReference(name);
  return !allTags && tag === undefined && digest === undefined;
}
