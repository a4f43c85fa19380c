import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, linkSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { buildDeb, layOut, measureKib } from '../../scripts/package/build-deb.ts';
import { formatControl } from '../../scripts/package/control.ts';
import { formatCopyright } from '../../scripts/package/copyright.ts';
import { planEntries, type Entry } from '../../scripts/package/entries.ts';
import { parseNeeds, planLibraries } from '../../scripts/package/needs.ts';
import { readEdition } from '../../scripts/reference/edition.ts';
import { projectRoot } from '../../scripts/rooms.ts';

const edition = { version: '1.2.3', date: '2026-01-31' };
const facts = { version: '1.2.3', architecture: 'amd64', maintainer: 'A <a@b.example>', libraries: ['libc6 (>= 2.36)'], installedKib: 7 };
const textOf = (entries: readonly Entry[], path: string): string => {
  const entry = entries.find((one) => one.path === path);
  assert.ok(entry !== undefined && 'text' in entry.from, path);
  return entry.from.text.toString();
};

describe('the parts of the Debian package', () => {
  test('the changelog begins with the version of the project', () => {
    const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
    assert.equal(readEdition().version, version);
  });

  test('the libraries that it depends on are those of the newest symbols that its programs ask for', () => {
    const needs = parseNeeds(
      'Name: GLIBC_2.4 x\nName: GLIBC_2.36 x\nName: GLIBC_2.3.4 GLIBC_PRIVATE\nGLIBCXX_3.4 GLIBCXX_3.4.21 GLIBCXX_3.4.9\n',
    );
    assert.deepEqual(needs, { glibc: '2.36', libstdcxx: 21 });
    assert.deepEqual(planLibraries(needs), ['libc6 (>= 2.36)', 'libgcc-s1', 'libstdc++6 (>= 5)']);
    assert.deepEqual(planLibraries({ glibc: null, libstdcxx: 31 }), ['libgcc-s1', 'libstdc++6 (>= 13)']);
    assert.deepEqual(planLibraries(parseNeeds('')), []);
    assert.throws(() => planLibraries({ glibc: null, libstdcxx: 99 }), /complete the table/);
  });

  test('every file that it takes from the project is there, no path is taken twice, and what is to be run can be', () => {
    const entries = planEntries(edition, process.execPath);
    const missing = entries.flatMap(({ from }) =>
      'file' in from && !existsSync(from.file) && !from.file.includes('/build/') ? [from.file] : [],
    );
    assert.deepEqual(missing, []);
    assert.equal(new Set(entries.map(({ path }) => path)).size, entries.length);
    for (const name of ['postinst', 'prerm', 'postrm']) accessSync(join(projectRoot, 'packaging/deb', name), constants.R_OK);
  });

  test('its launchers know where they are, and otherwise are those of the project', () => {
    const entries = planEntries(edition, process.execPath);
    for (const name of ['orlop', 'orlopd', 'orlop-runtime']) {
      const text = textOf(entries, `usr/bin/${name}`);
      assert.match(text, new RegExp(`^#!/bin/sh\nself=/usr/lib/orlop/bin/${name}\n`));
      assert.match(text, /^\. "\$\{self%\/\*\}\/launch\.sh"$/m);
      assert.doesNotMatch(text, /readlink|self=\$0|self=\.\//);
    }
  });

  test('what its units start, it has', () => {
    const paths = new Set(planEntries(edition, process.execPath).map(({ path }) => `/${path}`));
    const unit = readFileSync(join(projectRoot, 'packaging/orlop.service'), 'utf8');
    const programs = [...unit.matchAll(/^Exec\w+=(\S+)/gm)].map((match) => match[1] ?? '');
    assert.equal(programs.length, 2);
    for (const program of programs) assert.ok(paths.has(program), program);
  });

  test('its scripts are shell, and refuse nothing that dpkg says', () => {
    for (const name of ['postinst', 'prerm', 'postrm']) {
      const { status, stderr } = spawnSync('sh', ['-n', join(projectRoot, 'packaging/deb', name)], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    }
    for (const [name, word] of [
      ['prerm', 'upgrade'],
      ['prerm', 'failed-upgrade'],
      ['postrm', 'upgrade'],
      ['postrm', 'disappear'],
      ['postrm', 'abort-install'],
    ] as const) {
      const { status, stdout } = spawnSync('sh', [join(projectRoot, 'packaging/deb', name), word], { encoding: 'utf8' });
      assert.deepEqual({ status, stdout }, { status: 0, stdout: '' }, `${name} ${word} leaves everything alone`);
    }
  });

  test('its copyright file names every package that is bundled', () => {
    const { dependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const text = formatCopyright();
    for (const name of Object.keys(dependencies)) assert.ok(text.includes(`the authors of ${name}\n`), name);
    assert.doesNotMatch(text, /\n(?![ ]|\n|[A-Z][\w-]+: ?|$)/, 'every line is a field or goes on with one');
  });

  const whyNot = spawnSync('dpkg-deb', ['--version']).error === undefined ? false : 'needs dpkg-deb';
  test('an archive belongs to root whoever made it, has its modes, and is the same for the same files', { skip: whyNot }, (t) => {
    const entries: Entry[] = [
      { path: 'etc/x/c.yaml', from: { text: 'a: b\n' } },
      { path: 'usr/bin/x', from: { text: '#!/bin/sh\n' }, isProgram: true },
    ];
    const make = (umask: number): Buffer => {
      const folder = mkdtempSync(join(tmpdir(), 'orlop-deb-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const before = process.umask(umask);
      try {
        layOut(join(folder, 'root'), entries);
        assert.equal(measureKib(join(folder, 'root')), 6, 'two files of a block and four directories');
        buildDeb(join(folder, 'root'), join(folder, 'x.deb'), entries, facts, new Date(1_700_000_000_000));
      } finally {
        process.umask(before);
      }
      const { stdout } = spawnSync('dpkg-deb', ['-c', join(folder, 'x.deb')], { encoding: 'utf8' });
      assert.match(stdout, /^-rwxr-xr-x root\/root .* \.\/usr\/bin\/x$/m);
      assert.match(stdout, /^-rw-r--r-- root\/root .* \.\/etc\/x\/c\.yaml$/m);
      const field = spawnSync('dpkg-deb', ['--field', join(folder, 'x.deb'), 'Depends'], { encoding: 'utf8' }).stdout;
      assert.match(field, /libc6 \(>= 2\.36\).*nftables/);
      return readFileSync(join(folder, 'x.deb'));
    };
    assert.ok(make(0o022).equals(make(0o077)), 'by another person, at another time');
  });

  test('what is one file under two names is one in the package, and counted once', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'orlop-deb-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'one'), 'x'.repeat(5000));
    linkSync(join(folder, 'one'), join(folder, 'two'));
    const entries = ['one', 'two'].map((name): Entry => ({ path: `bin/${name}`, from: { file: join(folder, name) }, isProgram: true }));
    layOut(join(folder, 'root'), entries);
    assert.equal(statSync(join(folder, 'root/bin/one')).ino, statSync(join(folder, 'root/bin/two')).ino);
    assert.equal(measureKib(join(folder, 'root')), 6, 'five for the file and one for its directory');
  });

  test('its control file has one line a field', () => {
    for (const line of formatControl(facts).trimEnd().split('\n')) assert.match(line, /^([A-Z][A-Za-z-]+: \S| \S)/);
  });
});
