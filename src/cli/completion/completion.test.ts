import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { listCommands } from '../commands/index.ts';
import { formatCompletion } from './index.ts';

/** Stands for the program, which says what there is. */
const standIn = `#!/bin/sh
case "$1 $2 $3" in '-H unix:///far --tlsverify') echo far; exit ;; esac
case "$1 $2" in
  'context ls') echo away ;;
  'ps -a') echo box; echo old ;;
  'ps '*) echo box ;;
  'images '*) echo debian:trixie ;;
  'network ls') echo inner ;;
  'volume ls') echo kept ;;
  'template list') echo debian ;;
esac
`;

type Complete = (...words: string[]) => string[];

/** What bash offers after these words. */
const inBash: Complete = (...words) =>
  run(
    'bash',
    `${formatCompletion('bash', listCommands())}
    COMP_LINE="orlop $*"; COMP_POINT=\${#COMP_LINE}; COMP_WORDBREAKS=; _orlop; printf '%s\\n' "\${COMPREPLY[@]}"`,
    words,
  );

/** What fish offers; a name and its description are apart by a tab. */
const inFish: Complete = (...words) =>
  run('fish', `${formatCompletion('fish', listCommands())}\ncomplete -C "orlop $argv"`, words).map((line) => line.split('\t')[0] ?? '');

function run(shell: string, script: string, words: readonly string[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-completion-'));
  try {
    writeFileSync(join(directory, 'orlop'), standIn, { mode: 0o755 });
    const env = { ...process.env, PATH: `${directory}:${process.env['PATH']}`, HOME: directory };
    const file = join(directory, 'script');
    writeFileSync(file, script);
    const said = execFileSync(shell, [file, ...words], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
    return said.split('\n').filter((line) => line !== '');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

for (const [shell, complete] of [
  ['bash', inBash],
  ['fish', inFish],
] as const) {
  describe(`completion in ${shell}`, { skip: isMissing(shell) ? `${shell} is not installed` : false }, () => {
    test('offers commands, then the words of groups', () => {
      assert.deepEqual(complete('la'), ['launch']);
      assert.deepEqual(complete('template', '').toSorted(), ['build', 'list', 'ls']);
    });

    test('offers flags that work, and what their values may be', () => {
      assert.deepEqual(complete('run', '--read'), ['--read-only']);
      assert.deepEqual(complete('run', '--cpu-coun'), []);
      assert.deepEqual(complete('run', '--network', '').toSorted(), ['host', 'inner', 'none']);
      assert.deepEqual(complete('run', '--volumes-from', '').toSorted(), ['box', 'old']);
      assert.deepEqual(complete('run', '--pull', 'n'), ['never']);
      assert.ok(complete('template', 'build', '--re').includes('--rebuild'));
    });

    test('offers the names of what exists, of the kind that the command is about', () => {
      assert.deepEqual(complete('stop', ''), ['box']);
      assert.deepEqual(complete('rm', '').toSorted(), ['box', 'old']);
      assert.deepEqual(complete('container', 'rm', '').toSorted(), ['box', 'old']);
      assert.deepEqual(complete('run', 'deb'), ['debian:trixie']);
      assert.deepEqual(complete('volume', 'rm', ''), ['kept']);
      assert.deepEqual(complete('image', 'rm', ''), ['debian:trixie']);
      assert.deepEqual(complete('--context', ''), ['away']);
      assert.deepEqual(complete('context', 'use', ''), ['away']);
      assert.deepEqual(complete('network', 'connect', '').toSorted(), ['box', 'inner', 'old']);
      assert.deepEqual(complete('inspect', '').toSorted(), ['box', 'debian:trixie', 'inner', 'kept', 'old']);
    });

    test('asks the engine that the line names', () => {
      assert.deepEqual(complete('-H', 'unix:///far', '--tlsverify', 'stop', ''), ['far']);
      assert.deepEqual(complete('-H', 'unix:///far', '--tlsverify', 'container', 'rm', ''), ['far']);
    });
  });
}

test('bash finds the command behind the address of the engine', () => {
  assert.ok(inBash('-H', 'unix:///s', 'ru').includes('run'));
});

for (const shell of ['zsh', 'fish'] as const) {
  test(`${shell} can read its script`, { skip: isMissing(shell) ? `${shell} is not installed` : false }, () => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-completion-'));
    const file = join(directory, 'script');
    writeFileSync(file, formatCompletion(shell, listCommands()));
    try {
      execFileSync(shell, ['-n', file]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

test("zsh's script completes from its first use on, sourced or from a directory of functions", {
  skip: isMissing('zsh') ? 'zsh is not installed' : false,
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-completion-'));
  try {
    writeFileSync(join(directory, '_orlop'), formatCompletion('zsh', listCommands()));
    const say = (script: string): string => execFileSync('zsh', ['-fc', script, 'zsh', directory], { encoding: 'utf8' });
    assert.equal(say('compdef() { print compdef $@ }; source $1/_orlop'), 'compdef _orlop orlop\n');
    const stub = '_arguments() { print completing; state=none; line=(none) }';
    assert.equal(say(`${stub}; fpath=($1); autoload -Uz _orlop; _orlop; _orlop`), 'completing\ncompleting\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('each shell is offered each command', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = formatCompletion(shell, listCommands());
    for (const { name } of listCommands()) for (const word of name.split(' ')) assert.ok(script.includes(word), `${shell}: ${name}`);
  }
});

function isMissing(shell: string): boolean {
  try {
    execFileSync(shell, ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}
