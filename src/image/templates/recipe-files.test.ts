import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseRecipe } from './parse-recipe.ts';
import { createTemplates, type Templates } from './recipes.ts';

/** Templates from these files, and the directory gone at the end. */
function templatesOf(files: Readonly<Record<string, string>>): Disposable & { readonly templates: Templates; readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-recipes-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return { directory, templates: createTemplates(directory), [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

const web = {
  name: 'web/trixie',
  suite: 'trixie',
  mirror: 'http://mirror.example/debian',
  variants: [
    { name: 'app', packages: ['nginx-light'], command: ['nginx', '-g', 'daemon off;'], env: ['LANG=C.UTF-8'] },
    { name: 'systemd', init: 'systemd', base: 'app', packages: ['vim-tiny'], commands: ['systemctl disable nginx'] },
  ],
};

describe('recipes that people add', () => {
  it('are templates like ours, with names, labels and what their init needs filled in', () => {
    using dir = templatesOf({ 'web.json': JSON.stringify(web), 'notes.txt': 'no recipe' });
    const { templates } = dir;
    assert.equal(templates.isName('web/trixie/systemd'), true);
    const [app, system] = templates.find('web/trixie/systemd').variants;
    assert.deepEqual([app?.reference, system?.reference, system?.base], ['web:trixie', 'web:trixie-systemd', 'app']);
    assert.deepEqual(app?.config.Cmd, ['nginx', '-g', 'daemon off;']);
    assert.deepEqual(app?.config.Env?.at(-1), 'LANG=C.UTF-8');
    assert.deepEqual([system?.kind, system?.config.StopSignal, system?.config.Labels?.['orlop.init']], ['system', 'SIGRTMIN+3', 'systemd']);
    assert.ok(system?.packages.includes('systemd-sysv') && system.packages.includes('vim-tiny') && system.packages.includes('nginx-light'));
    assert.equal(system?.commands[0], 'systemctl disable nginx');
    assert.deepEqual(templates.problems(), []);
  });

  it('are there as soon as the file is, and need no directory to begin with', () => {
    assert.deepEqual(createTemplates('/nowhere/at/all').problems(), []);
    using dir = templatesOf({});
    assert.equal(dir.templates.isName('web/trixie'), false);
    writeFileSync(join(dir.directory, 'web.json'), JSON.stringify(web));
    assert.equal(dir.templates.isName('web/trixie'), true);
  });

  it('that cannot be used leave the others alone and say what is wrong with them', () => {
    using dir = templatesOf({
      'a.json': '{',
      'b.json': JSON.stringify({ ...web, name: 'debian/trixie' }),
      'web.json': JSON.stringify(web),
    });
    assert.equal(dir.templates.isName('web/trixie'), true);
    const messages = dir.templates.problems().map(({ message }) => message);
    assert.equal(messages.length, 2);
    assert.match(messages[0] ?? '', /a\.json: /);
    assert.match(messages[1] ?? '', /b\.json: name: there is a template "debian\/trixie" already/);
    assert.throws(
      () => dir.templates.find('other/thing'),
      (error) => isOrlopError(error, 'not-found') && /web\/trixie.*not read: .*a\.json/.test(error.hint ?? ''),
    );
  });

  const [app, system] = web.variants;
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [[], /^recipe: expected an object/],
    [{}, /^name: it is missing/],
    [{ ...web, name: 'Web' }, /^name: expected a name of small letters/],
    [{ ...web, suite: '--trixie' }, /^suite: expected the name of a suite/],
    [{ ...web, mirror: "http://x/'" }, /^mirror: expected an address/],
    [{ ...web, mirorr: 'x' }, /^mirorr: no such field; there are name, /],
    [{ ...web, variants: [] }, /^variants: at least one/],
    [{ ...web, variants: [{ ...app, packages: ['--option'] }] }, /^variants\[0\]\.packages\[0\]: expected the name of a package/],
    [{ ...web, variants: [{ ...app, packages: ['a,b'] }] }, /^variants\[0\]\.packages\[0\]/],
    [{ ...web, variants: [{ ...app, init: 'upstart' }] }, /^variants\[0\]\.init: expected one of systemd, sysvinit, openrc/],
    [{ ...web, variants: [{ ...app, leftOut: ['usr'] }] }, /^variants\[0\]\.leftOut\[0\]: expected an absolute path/],
    [{ ...web, variants: [{ ...app, healthCheck: {} }] }, /^variants\[0\]\.healthCheck\.command: it is missing/],
    [
      { ...web, variants: [{ ...app, healthCheck: { command: 'x', retries: 0 } }] },
      /^variants\[0\]\.healthCheck\.retries: expected a whole/,
    ],
    [{ ...web, variants: [system] }, /^variants\[0\]\.base: no variant before it is called "app"/],
    [{ ...web, variants: [app, app] }, /^variants\[1\]\.name: "app" is there twice/],
    [{ ...web, variants: [app, system, { name: 'x', base: 'systemd' }] }, /^variants\[2\]\.base: "systemd" stands on "app" itself/],
    [{ ...web, variants: [{ ...app, image: 'Not A Name' }] }, /^variants\[0\]\.image: "Not A Name" is no name of an image/],
  ];
  for (const [recipe, message] of wrong) {
    it(`are refused with ${String(message)}`, () => {
      using dir = templatesOf({ 'x.json': JSON.stringify(recipe) });
      const [problem] = dir.templates.problems();
      assert.match(problem?.message.replace(/^.*x\.json: /, '') ?? '', message);
    });
  }

  it('can say how its containers are asked whether they are well', () => {
    const healthCheck = { command: 'true', intervalS: 30, timeoutS: 5, startPeriodS: 1, startIntervalS: 2, retries: 3 };
    using dir = templatesOf({ 'x.json': JSON.stringify({ ...web, variants: [{ ...app, healthCheck }] }) });
    const second = 1_000_000_000;
    assert.deepEqual(dir.templates.find(web.name).variants[0]?.config.Healthcheck, {
      Test: ['CMD-SHELL', 'true'],
      Interval: 30 * second,
      Timeout: 5 * second,
      StartPeriod: second,
      StartInterval: 2 * second,
      Retries: 3,
    });
  });

  it('are recipes or invalid-argument, whatever the JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseRecipe(JSON.stringify(value));
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'));
        }
      }),
    );
  });
});
