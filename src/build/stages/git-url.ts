import { mistake } from '../dockerfile/errors.ts';
import { cleanPath } from './paths.ts';

/** A repository and what of it, as ADD's source names them. */
export interface GitUrl {
  readonly remote: string;
  readonly ref?: string;
  readonly subdir?: string;
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly submodules?: boolean;
}

/** `user@host:path`, as ssh writes it. */
const scpForm = /^[\w.~-]+@[\w.-]+:(?!\/\/)[^\s]+$/;

/**
 * What is a repository: `git://…`, `ssh://…`, `user@host:path`, and `http(s)://….git`, each with `#ref:directory` or a query with `ref`,
 * `tag`, `branch`, `subdir`, `checksum` (`commit`), `keep-git-dir`, `submodules`. Undefined for others. Fails with invalid-argument on a query
 * that says nothing or two things.
 */
export function parseGitUrl(text: string): GitUrl | undefined {
  const { rest, fragment } = cutFragment(text);
  const question = rest.indexOf('?');
  const isScp = scpForm.test(rest);
  const remote = question < 0 || isScp ? rest : rest.slice(0, question);
  if (!isScp && !isRepository(remote)) return undefined;
  const query = question < 0 || isScp ? '' : rest.slice(question + 1);
  const colon = fragment.indexOf(':');
  const ref = colon < 0 ? fragment : fragment.slice(0, colon);
  const subdir = colon < 0 ? '' : fragment.slice(colon + 1);
  return readQuery(query, { remote, ...(ref === '' ? {} : { ref }), ...(subdir === '' ? {} : { subdir: insideRepository(subdir) }) });
}

function cutFragment(text: string): { rest: string; fragment: string } {
  const hash = text.indexOf('#');
  return hash < 0 ? { rest: text, fragment: '' } : { rest: text.slice(0, hash), fragment: text.slice(hash + 1) };
}

function isRepository(remote: string): boolean {
  if (/^(?:git|ssh):\/\/[^/]/.test(remote)) return true;
  return /^https?:\/\/[^/]+\/.*\.git$/.test(remote);
}

function insideRepository(path: string): string {
  return cleanPath(`/${path}`).slice(1);
}

function readQuery(query: string, url: GitUrl): GitUrl {
  let result: GitUrl = url;
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) throw mistake(`query ${JSON.stringify(name)} has multiple values`);
    seen.add(name);
    result = readPair(result, name, value);
  }
  if (seen.has('tag') && seen.has('branch')) throw mistake('branch conflicts with tag');
  return result.checksum !== undefined && result.ref === undefined ? { ...result, ref: result.checksum } : result;
}

function readPair(url: GitUrl, name: string, value: string): GitUrl {
  if (name === 'keep-git-dir') return { ...url, keepGitDir: readBoolean(name, value) };
  if (name === 'submodules') return { ...url, submodules: readBoolean(name, value) };
  if (value === '') throw mistake(`query ${JSON.stringify(name)} has no value`);
  switch (name) {
    case 'ref':
      return withRef(url, value);
    case 'tag':
      return withRef(url, value.startsWith('refs/tags/') ? value : `refs/tags/${value}`);
    case 'branch':
      return withRef(url, value.startsWith('refs/heads/') ? value : `refs/heads/${value}`);
    case 'subdir': {
      const subdir = insideRepository(value);
      if (url.subdir !== undefined && url.subdir !== subdir)
        throw mistake(`subdir conflicts: ${JSON.stringify(url.subdir)} vs ${JSON.stringify(value)}`);
      return { ...url, subdir };
    }
    case 'checksum':
    case 'commit':
      return { ...url, checksum: value };
    default:
      throw mistake(`unexpected query ${JSON.stringify(name)}`);
  }
}

function withRef(url: GitUrl, ref: string): GitUrl {
  if (url.ref !== undefined && url.ref !== ref) throw mistake(`ref conflicts: ${JSON.stringify(url.ref)} vs ${JSON.stringify(ref)}`);
  return { ...url, ref };
}

function readBoolean(name: string, value: string): boolean {
  if (['', '1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw mistake(`invalid ${name} value: ${JSON.stringify(value)}`);
}
