// Makes build/orlop_VERSION_ARCH.deb of what was built. Needs no root; needs dpkg-deb and binutils (readelf, strip).
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildDeb, layOut, measureKib } from './package/build-deb.ts';
import { planEntries } from './package/entries.ts';
import { planLibraries, readNeeds } from './package/needs.ts';
import { readEdition } from './reference/edition.ts';
import { projectRoot } from './rooms.ts';

const architectures = { x64: 'amd64', arm64: 'arm64' } as const;

/** The Node of the registry package, which runs wherever the C library is new enough; the system's may be linked with much else. */
function findNode(): string {
  try {
    return createRequire(import.meta.url).resolve(`node-linux-${process.arch}/bin/node`);
  } catch {
    throw new Error(`the package node-linux-${process.arch} is missing: run "npm ci --include=optional"`);
  }
}

function makePackage(): string {
  if (process.arch !== 'x64' && process.arch !== 'arm64') throw new Error(`there are no programs for ${process.arch}`);
  for (const name of ['orlop', 'orlop-runtime'])
    if (!existsSync(join(projectRoot, 'build', name)))
      throw new Error(`build/${name} is missing: it is compiled with Bun, see "npm run build"`);
  const architecture = architectures[process.arch];
  const edition = readEdition();
  const entries = planEntries(edition, findNode());
  const changelog = readFileSync(join(projectRoot, 'packaging/changelog'), 'utf8');
  const maintainer = /^ -- (.*?) {2}/m.exec(changelog)?.[1] ?? '';
  const target = join(projectRoot, 'build', `orlop_${edition.version}_${architecture}.deb`);
  const folder = mkdtempSync(join(projectRoot, 'build/package-'));
  try {
    const root = join(folder, 'root');
    layOut(root, entries);
    const programs = ['build/orlop', 'build/orlop-runtime', 'build/node', 'build/sys.node'].map((path) =>
      join(root, 'usr/lib/orlop', path),
    );
    const libraries = planLibraries(readNeeds(programs));
    const facts = { version: edition.version, architecture, maintainer, libraries, installedKib: measureKib(root) };
    buildDeb(root, join(folder, 'orlop.deb'), entries, facts, edition.time);
    renameSync(join(folder, 'orlop.deb'), target);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return target;
}

const made = makePackage();
process.stdout.write(`${made} (${Math.round(statSync(made).size / 2 ** 20)} MiB)\n`);
