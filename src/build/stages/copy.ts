import { isDigest } from '#oci';
import { mistake } from '../dockerfile/errors.ts';
import type { AddInstruction, CopyInstruction, CopySource, CopyStep, FileSource, IgnoreMatcher, PathSource } from '../model.ts';
import { type GitUrl, parseGitUrl } from './git-url.ts';
import { cleanPath, insideSource, targetFromWorkdir } from './paths.ts';
import { copySourceOf } from './sources.ts';
import { type StageState, stepBase, warn, type Words, wordsOf, workdirOf } from './state.ts';

/** COPY and ADD. Several sources make the target a directory, with or without a slash. Fails with invalid-argument. */
export function compileCopy(
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
  options: { isTrigger: boolean; ignore?: IgnoreMatcher },
): CopyStep {
  const words = wordsOf(state, instruction.lines);
  // In BuildKit's order, for the sake of warnings: flags, paths, target, contents.
  const chown = optional(instruction.chown, words);
  const chmod = optional(instruction.chmod, words);
  if (chmod !== undefined) checkMode(chmod);
  const exclude = instruction.exclude.map((pattern) => words.word(pattern));
  const flagged = instruction.kind === 'add' ? optional(instruction.checksum, words) : undefined;
  const paths = instruction.sources.flatMap((source) => (source.kind === 'word' ? [words.word(source.text)] : []));
  const target = words.word(instruction.target);
  const inline = instruction.sources.flatMap((source) =>
    source.kind === 'heredoc'
      ? [{ kind: 'inline', name: source.name, content: source.expand ? words.content(source.content) : source.content } as const]
      : [],
  );
  const from: FileSource =
    instruction.kind === 'copy' && instruction.from !== undefined ? copySourceOf(state, instruction.from) : { kind: 'context' };
  if (from.kind === 'context' && options.ignore !== undefined) warnOfIgnored(state, instruction, paths, options.ignore);
  const { sources, ...git } = readSources(instruction, paths, flagged);
  const checksum = flagged ?? git.checksum;
  const shown = { chown, chmod, parents: instruction.parents, isAdd: instruction.kind === 'add' };
  const createdBy = describeCopy(shown, paths, inline, target);
  return {
    kind: 'copy',
    ...stepBase(state, instruction, createdBy, { isTrigger: options.isTrigger, emptyLayer: false }),
    isAdd: instruction.kind === 'add',
    from,
    sources: [...sources, ...inline],
    target: targetFromWorkdir(workdirOf(state), target),
    writtenTarget: target,
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod }),
    link: instruction.link,
    parents: instruction.parents,
    exclude,
    ...(checksum === undefined ? {} : { checksum }),
    keepGitDir: git.keepGitDir,
    ...(instruction.kind === 'add' && instruction.unpack !== undefined ? { unpack: instruction.unpack } : {}),
  };
}

function optional(text: string | undefined, words: Words): string | undefined {
  const expanded = text === undefined ? '' : words.word(text);
  return expanded === '' ? undefined : expanded;
}

/** Octal, or symbolic as chmod(1) reads it. */
function checkMode(text: string): void {
  if (/^[0-9]/.test(text)) {
    if (/^[0-7]{1,12}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return;
    throw mistake(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  }
  const clause = /^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+$/;
  if (text.length <= 1000 && text.split(',').every((part) => clause.test(part))) return;
  throw mistake(`invalid chmod parameter: '${text}'`, 'write it as 0755 or u=rwX,go=rX');
}

interface Sources {
  readonly sources: readonly CopySource[];
  readonly checksum?: string;
  readonly keepGitDir: boolean;
}

function readSources(instruction: CopyInstruction | AddInstruction, paths: readonly string[], checksum: string | undefined): Sources {
  const isAdd = instruction.kind === 'add';
  let keepGitDir = isAdd ? instruction.keepGitDir : undefined;
  let found: string | undefined;
  const sources = paths.map((path): CopySource => {
    const git = parseGitUrl(path);
    if (git !== undefined) {
      if (!isAdd) throw mistake("source can't be a git ref for COPY", 'use ADD');
      checkGit(git, keepGitDir, checksum);
      keepGitDir = git.keepGitDir ?? keepGitDir;
      found = git.checksum ?? found;
      const { remote, ref, subdir, submodules = true } = git;
      return {
        kind: 'git',
        url: path,
        remote,
        ...(ref === undefined ? {} : { ref }),
        ...(subdir === undefined ? {} : { subdir }),
        submodules,
      };
    }
    if (!/^https?:\/\//.test(path)) return readPath(path, instruction.parents);
    if (!isAdd) throw mistake("source can't be a URL for COPY", 'use ADD');
    if (checksum !== undefined && !isDigest(checksum)) throw mistake(`invalid checksum digest format: ${checksum}`, 'write it as sha256:…');
    return { kind: 'url', url: path, fileName: fileNameOf(path) };
  });
  if (checksum !== undefined) checkChecksum(sources);
  return { sources, keepGitDir: keepGitDir ?? false, ...(found === undefined ? {} : { checksum: found }) };
}

function checkGit(git: GitUrl, keepGitDir: boolean | undefined, checksum: string | undefined): void {
  if (git.keepGitDir !== undefined && keepGitDir !== undefined && git.keepGitDir !== keepGitDir) {
    throw mistake('inconsistent keep-git-dir configuration');
  }
  if (git.checksum !== undefined && checksum !== undefined && git.checksum !== checksum) {
    throw mistake(`checksum mismatch ${JSON.stringify(checksum)} != ${JSON.stringify(git.checksum)}`);
  }
}

function checkChecksum(sources: readonly CopySource[]): void {
  if (sources.length !== 1) throw mistake("checksum can't be specified for multiple sources");
  if (sources[0]?.kind === 'path') throw mistake('checksum requires HTTP(S) or Git sources');
}

function fileNameOf(url: string): string {
  let path = '';
  try {
    path = decodeURIComponent(new URL(url).pathname);
  } catch {
    // Whoever fetches it will say what is wrong.
  }
  const name = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return name === '' || name === '.' || name === '..' || name.includes('\0') ? '__unnamed__' : name;
}

/** With `--parents`, `/./` separates what is kept from what is not; without one everything is kept. */
function readPath(path: string, parents: boolean): PathSource {
  const climbs = cleanPath(path.replace(/^\/+/, '')).startsWith('..');
  if (!parents) return { kind: 'path', pattern: insideSource(path), ...(climbs ? { outside: path } : {}) };
  const cut = path.indexOf('/./');
  if (cut < 0) return { kind: 'path', pattern: insideSource(path), pivot: '.' };
  return { kind: 'path', pattern: insideSource(path.slice(cut + '/./'.length)), pivot: insideSource(path.slice(0, cut)) };
}

/** Where exceptions are, nobody can tell without the files. */
function warnOfIgnored(
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
  paths: readonly string[],
  ignore: IgnoreMatcher,
): void {
  if (ignore.hasExceptions) return;
  for (const path of paths) {
    const inside = insideSource(path);
    if (/^\w+:\/\//.test(path) || !(inside === '.' ? ignore.excludesAll : ignore.excludes(inside))) continue;
    const name = instruction.kind === 'add' ? 'Add' : 'Copy';
    warn(
      state,
      'CopyIgnoredFile',
      `Attempting to ${name} file ${JSON.stringify(inside)} that is excluded by .dockerignore`,
      instruction.lines,
    );
  }
}

interface ShownFlags {
  readonly isAdd: boolean;
  readonly parents: boolean;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
}

/** `COPY --chown=1:1 a b /dir/ # buildkit`: what BuildKit's history shows of it, which is neither `--from` nor `--link`. */
function describeCopy(flags: ShownFlags, paths: readonly string[], inline: readonly { readonly name: string }[], target: string): string {
  return [
    flags.isAdd ? 'ADD' : 'COPY',
    ...(flags.parents ? ['--parents'] : []),
    ...(flags.chown === undefined ? [] : [`--chown=${flags.chown}`]),
    ...(flags.chmod === undefined ? [] : [`--chmod=${flags.chmod}`]),
    ...paths,
    ...inline.map(({ name }) => `<<${name}`),
    target,
    '# buildkit',
  ].join(' ');
}
