import type { DockerImageSummary } from '#wire';
import { formatBytes } from '../values/size.ts';
import { formatTable } from './table.ts';

const columns = ['IMAGE', 'ID', 'DISK USAGE', 'CONTENT SIZE', 'EXTRA'];

/** `images --tree`: each image once, under all its names; `U` tells that containers use it. The platform of this engine is the only one it keeps. */
export function formatImageTree(images: readonly DockerImageSummary[], { whole }: { readonly whole: boolean }): string {
  const rows = images.flatMap((image) => {
    const [first = '<untagged>', ...others] = image.RepoTags;
    const id = image.Id.replace('sha256:', '');
    const facts = [
      whole ? image.Id : id.slice(0, 12),
      formatBytes(image.Size),
      formatBytes(contentBytes(image)),
      image.Containers > 0 ? 'U' : '',
    ];
    return [[first, ...facts], ...others.map((name) => [`├─ ${name}`, '', '', '', ''])].map((row, at, all) =>
      at > 0 && at === all.length - 1 ? row.map((cell) => cell.replace('├─', '└─')) : row,
    );
  });
  return formatTable([columns, ...rows]);
}

/** What no other image has a part in; the whole where that is not known. */
function contentBytes({ Size, SharedSize }: DockerImageSummary): number {
  return SharedSize < 0 ? Size : Size - SharedSize;
}
