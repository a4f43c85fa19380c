import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compileFunction } from 'node:vm';
import { loadModulesLate } from '../../scripts/executable.ts';
import { projectRoot } from '../../scripts/rooms.ts';

const executables = ['orlop', 'orlop-runtime'].map((name) => join(projectRoot, 'build', name));
const skip = executables.every((path) => existsSync(path)) ? false : 'the programs are not compiled here';

test('the executables take neither code nor settings from the directory that they are started in', { skip }, () => {
  const cwd = mkdtempSync(join(tmpdir(), 'orlop-directory-'));
  try {
    const files = {
      'bunfig.toml': 'preload = ["./intruder.js"]\n',
      'intruder.js': 'require("node:fs").writeFileSync("intruded", "");\n',
      '.env': 'ORLOP_HOST=unix:///intruder.sock\n',
      'tsconfig.json': '{ "compilerOptions": { "paths": { "*": ["./intruder.js"] } } }',
      'package.json': '{ "imports": { "#*": "./intruder.js" } }',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
    const { ORLOP_HOST: _ours, ...env } = process.env;
    for (const path of executables) assert.equal(spawnSync(path, ['--version'], { cwd, env }).status, 0, path);
    const { stderr } = spawnSync(executables[0] ?? '', ['ps'], { cwd, env, encoding: 'utf8' });
    assert.doesNotMatch(stderr, /intruder/);
    assert.ok(!existsSync(join(cwd, 'intruded')));
  } finally {
    rmSync(cwd, { recursive: true });
  }
});

test('modules that are loaded late have their functions and their classes', () => {
  const script = loadModulesLate(
    'var import_events = require("node:events");\nreturn [new import_events.EventEmitter(), import_events.once];',
  );
  const run = compileFunction(script, ['require']) as (load: typeof process.getBuiltinModule) => unknown[];
  const [emitter, once] = run(process.getBuiltinModule.bind(process));
  assert.equal(emitter?.constructor.name, 'EventEmitter');
  assert.equal(typeof once, 'function');
});
