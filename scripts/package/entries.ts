import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { formatCompletion } from '../../src/cli/completion/index.ts';
import { listCommands } from '../../src/cli/commands/index.ts';
import type { Edition } from '../reference/roff.ts';
import { planManual } from '../reference/pages.ts';
import { programs } from '../programs.ts';
import { projectRoot } from '../rooms.ts';
import { formatCopyright, licenceFiles } from './copyright.ts';

/** One file of the package: where it comes from, or what is in it. */
export interface Entry {
  /** From the root, without a slash before it. */
  readonly path: string;
  readonly from: { readonly file: string } | { readonly text: string | Uint8Array };
  readonly isProgram?: true;
  /** Debugging symbols are left off. Only for programs that carry nothing behind their sections. */
  readonly isStripped?: true;
}

const home = 'usr/lib/orlop';
const doc = 'usr/share/doc/orlop';

/** What the launchers start, and what that needs: paths below build/. */
const built = {
  programs: [...programs.filter(({ executable }) => executable).map(({ name }) => name), 'bosun'],
  files: [...programs.map(({ name }) => `${name}.mjs`), 'sys.node'],
};

/** All files of the package. `node` is the Node that goes with it. */
export function planEntries(edition: Edition, node: string): Entry[] {
  const inProject = (path: string): Entry['from'] => ({ file: join(projectRoot, path) });
  const launchers = ['orlop', 'orlopd', 'orlop-runtime'];
  return [
    ...launchers.map((name): Entry => ({ path: `usr/bin/${name}`, from: { text: withFixedPlace(name) }, isProgram: true })),
    { path: `${home}/bin/launch.sh`, from: inProject('bin/launch.sh') },
    ...built.programs.map((name): Entry => ({ path: `${home}/build/${name}`, from: inProject(`build/${name}`), isProgram: true })),
    ...built.files.map((name): Entry => ({ path: `${home}/build/${name}`, from: inProject(`build/${name}`) })),
    { path: `${home}/build/node`, from: { file: node }, isProgram: true, isStripped: true },
    { path: `${home}/stop-with-host`, from: inProject('packaging/stop-with-host'), isProgram: true },
    { path: 'usr/lib/systemd/system/orlop.service', from: inProject('packaging/orlop.service') },
    { path: 'usr/lib/systemd/system/orlop.socket', from: inProject('packaging/orlop.socket') },
    { path: 'etc/orlop/config.yaml', from: inProject('packaging/config.yaml') },
    ...planCompletions(),
    ...[...planManual(edition)].map(
      ([name, text]): Entry => ({ path: `usr/share/man/man${name.at(-1)}/${name}.gz`, from: { text: compress(text) } }),
    ),
    ...planDocuments(),
    { path: 'usr/share/lintian/overrides/orlop', from: inProject('packaging/deb/lintian-overrides') },
  ];
}

function planCompletions(): Entry[] {
  const places = {
    bash: 'usr/share/bash-completion/completions/orlop',
    zsh: 'usr/share/zsh/vendor-completions/_orlop',
    fish: 'usr/share/fish/vendor_completions.d/orlop.fish',
  } as const;
  return (['bash', 'zsh', 'fish'] as const).map((shell) => ({
    path: places[shell],
    from: { text: formatCompletion(shell, listCommands()) },
  }));
}

function planDocuments(): Entry[] {
  const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
  const pages = readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.md'));
  return [
    ...['README.md', 'ARCHITECTURE.md', ...pages.map((path) => `docs/${path}`)].map(
      (path): Entry => ({ path: `${doc}/${path}`, from: { file: join(projectRoot, path) } }),
    ),
    { path: `${doc}/changelog.gz`, from: { text: compress(read('packaging/changelog')) } },
    { path: `${doc}/copyright`, from: { text: formatCopyright() } },
    ...licenceFiles.map(({ name, file }): Entry => ({ path: `${doc}/licences/${name}.gz`, from: { text: compress(read(file)) } })),
  ];
}

/** The launcher of this name, which need not ask where it is. */
function withFixedPlace(name: string): string {
  const text = readFileSync(join(projectRoot, 'bin', name), 'utf8');
  const search = /^self=\$0\n(?:\[ .*self=.*\n)+/m;
  if (!search.test(text)) throw new Error(`bin/${name} does not begin by looking for itself`);
  return text.replace(search, `self=/${home}/bin/${name}\n`);
}

/** As gzip -9n: the same for the same text. */
function compress(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}
