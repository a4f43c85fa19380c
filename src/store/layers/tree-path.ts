import { badTar } from '../tar/header.ts';
import { type ByteText, showByteText } from '../tar/byte-text.ts';

/** A path of an archive, below the root it is unpacked in. The root itself has no name and an empty parent. */
export interface TreePath {
  readonly parent: ByteText;
  readonly name: ByteText;
}

/** Drops `.`, doubled and leading slashes. Refuses `..`: whatever it means, it is not a name inside the tree. */
export function parseTreePath(path: ByteText): TreePath {
  const clean = normalizeTreePath(path);
  const slash = clean.lastIndexOf('/');
  return { parent: clean.slice(0, Math.max(slash, 0)) as ByteText, name: clean.slice(slash + 1) as ByteText };
}

/** `./usr//bin/` to `usr/bin`; the root is empty. */
export function normalizeTreePath(path: ByteText): ByteText {
  if (isClean(path)) return path;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw badTar(`path ${showByteText(path)} leaves the root`);
  return parts.join('/') as ByteText;
}

export function joinTreePath({ parent, name }: TreePath): ByteText {
  return (parent === '' ? name : `${parent}/${name}`) as ByteText;
}

/** Each directory above a path, outermost first: `a/b/c` has `a` and `a/b`. */
export function ancestorsOf(path: ByteText): ByteText[] {
  const ancestors: ByteText[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) ancestors.push(path.slice(0, slash) as ByteText);
  return ancestors;
}

function isClean(path: string): boolean {
  return !/^[./]|\/\/|\/\.|\/$/.test(path);
}
