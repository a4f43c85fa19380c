import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { planManual } from '../../scripts/reference/pages.ts';
import type { Page } from '../../scripts/reference/page.ts';
import { formatRoff } from '../../scripts/reference/roff.ts';

const edition = { version: '1.2.3', date: '2026-01-31' };

function whyNot(program: string): string | false {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined ? false : `needs ${program}`;
}

/** Files with these texts, and what a program says about them. */
function ask(t: TestContext, texts: ReadonlyMap<string, string>, command: string, ...flags: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-manual-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of texts) writeFileSync(join(folder, name), text);
  const { stdout, stderr } = spawnSync(command, [...flags, ...[...texts.keys()].map((name) => join(folder, name))], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80' },
  });
  return `${stdout}${stderr}`;
}

const odd: Page = {
  name: 'orlop odd',
  manual: 1,
  summary: "what's \\odd",
  synopsis: ['orlop odd --x', '.second'],
  sections: [
    {
      title: 'First',
      paragraphs: ["'quoted' \\fBnot bold\\fR", '.not a request\n.nor this'],
      rows: [
        { term: '-a, --all', about: '' },
        { term: '.TH', about: '.about' },
      ],
    },
    { title: 'Shown', code: "  indented \\e\n'apostrophe\n.dot\n" },
  ],
  related: [
    { name: 'orlop', manual: 1 },
    { name: 'orlopd', manual: 8 },
  ],
};

describe('man pages', () => {
  test('there is one for each command, each group and each program', () => {
    const names = [...planManual(edition).keys()];
    for (const name of [
      'orlop.1',
      'orlop-run.1',
      'orlop-container-prune.1',
      'orlop-snapshot.1',
      'orlop-volume.1',
      'orlopd.8',
      'orlop-runtime.8',
    ])
      assert.ok(names.includes(name), name);
    assert.equal(new Set(names).size, names.length);
  });

  test('are without fault to groff', { skip: whyNot('groff') }, (t) => {
    assert.equal(ask(t, planManual(edition), 'groff', '-man', '-ww', '-z', '-Kutf8'), '');
  });

  test('are without fault to mandoc', { skip: whyNot('mandoc') }, (t) => {
    assert.equal(ask(t, planManual(edition), 'mandoc', '-Tlint', '-Wwarning'), '');
  });

  test('show the characters that were meant, whatever they mean to roff', { skip: whyNot('groff') }, (t) => {
    const texts = new Map([['odd.1', formatRoff(odd, edition)]]);
    assert.equal(ask(t, texts, 'groff', '-man', '-ww', '-z', '-Kutf8'), '');
    const shown = ask(t, texts, 'groff', '-man', '-Tascii', '-P-cbou').replaceAll(/ +/g, ' ');
    for (const text of [
      "orlop-odd - what's \\odd",
      'orlop odd --x\n .second',
      "'quoted' \\fBnot bold\\fR\n",
      '.not a request .nor this\n',
      '-a, --all\n',
      '.TH .about',
      " indented \\e\n 'apostrophe\n .dot\n",
      'orlop(1), orlopd(8)',
    ])
      assert.ok(shown.includes(text), `${text}\nis not in\n${shown}`);
  });
});
