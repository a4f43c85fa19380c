import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../system/harness.ts';

const folder = join(projectRoot, 'tests/clients/compose-corpus');

/** A project of the corpus, laid out in a directory of its own. */
export interface CorpusProject {
  readonly name: string;
  readonly directory: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly fails: boolean;
  /** Why it is shown otherwise than Compose shows it. */
  readonly differs: string | null;
}

/** Writes all projects of the corpus below `root`. */
export function layOutCorpus(root: string): CorpusProject[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return files.map((file) => layOut(file.replace(/\.yaml$/, ''), readFileSync(join(folder, file), 'utf8'), root));
}

function layOut(name: string, text: string, root: string): CorpusProject {
  const directory = join(root, name);
  const words = (key: string): string[] => [...text.matchAll(new RegExp(`^#${key} ?(.*)$`, 'gm'))].map((match) => match[1] ?? '');
  const parts = text.split(/^#file (.*)\n/m);
  const files = parts.length === 1 ? ['compose.yaml', text] : parts.slice(1);
  for (let at = 0; at < files.length; at += 2) {
    const path = join(directory, files[at] ?? '');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, files[at + 1] ?? '');
  }
  return {
    name,
    directory,
    args: words('args').flatMap((line) => line.split(' ')),
    environment: Object.fromEntries(words('env').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])),
    fails: words('fails').length > 0,
    differs: words('differs')[0] ?? null,
  };
}
