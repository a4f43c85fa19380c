import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { listCommands } from '../commands/index.ts';
import { formatCompletion } from './index.ts';

/** What bash offers after these words; the names of containers come from a stand-in. */
function completions(...words: string[]): string[] {
  const script = `
    orlop() { if [[ $1 == ps ]]; then echo box; elif [[ $1 == images ]]; then echo debian:trixie; fi; }
    ${formatCompletion('bash', listCommands())}
    COMP_WORDS=(orlop "$@"); COMP_CWORD=$#; _orlop; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '');
}

describe('completion in bash', () => {
  test('offers commands, then the words of groups', () => {
    assert.deepEqual(completions('la'), ['launch']);
    assert.deepEqual(completions('template', ''), ['list', 'ls', 'build']);
    assert.ok(completions('-H', 'unix:///s', 'ru').includes('run'));
  });

  test('offers flags that work, and what their values may be', () => {
    assert.deepEqual(completions('run', '--read'), ['--read-only']);
    assert.deepEqual(completions('run', '--cpu-coun'), []);
    assert.deepEqual(completions('run', '--network', ''), ['bridge', 'host', 'none']);
    assert.ok(completions('template', 'build', '--re').includes('--rebuild'));
  });

  test('offers the names of what exists', () => {
    assert.deepEqual(completions('stop', ''), ['box']);
    assert.deepEqual(completions('run', 'deb'), ['debian:trixie']);
  });
});

for (const shell of ['zsh', 'fish'] as const) {
  const missing = isMissing(shell);
  test(`${shell} can read its script`, { skip: missing ? `${shell} is not installed` : false }, () => {
    execFileSync(shell, ['-n'], { input: formatCompletion(shell, listCommands()) });
  });
}

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
