import { formatReference, parseReference, withDefaultTag } from '#oci';
import type { ContainerRecord } from './record.ts';

/** What a list calls a container's image: the name that it was made by for as long as that means the same image, then the image's id. `targets`: images by their complete names. */
export function listedImage({ image }: Pick<ContainerRecord, 'image'>, targets: ReadonlyMap<string, string>): string {
  const name = completeName(image.name);
  return name === null || image.id === '' || targets.get(name) === image.manifest ? image.name : image.id;
}

/** null: it was no name with a tag, which is all that can come to mean something else. */
function completeName(text: string): string | null {
  // Ids, and names with a digest.
  if (/^(sha256:)?[0-9a-f]{4,64}$/.test(text) || text.includes('@')) return null;
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch {
    return null;
  }
}
