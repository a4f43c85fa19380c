import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findProgram } from './engine-home.ts';
import { runProgram, startInTerminal, type RunningProgram } from './programs.ts';
import { projectRoot, startEngine, whyNot, type TestEngine } from '../system/harness.ts';

/** How an interactive shell without its owner's settings takes completions up, and erases what was typed. */
const shells = {
  bash: { start: 'bash --norc --noprofile -i', prepare: 'source "$SCRIPT"' },
  zsh: { start: 'zsh -f -i', prepare: 'bindkey -e; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source "$SCRIPT"' },
} as const;

/** What is typed, and what stands on the line after the tabulator. */
const cases: readonly (readonly [typed: string, becomes: string])[] = [
  ['unpa', 'unpause'],
  ['network cre', 'network create'],
  ['run --read-o', 'run --read-only'],
  ['run --pull nev', 'run --pull never'],
  ['stop web', 'stop webserver'],
  ['container rm -f web', 'container rm -f webserver'],
  ['run busybox:l', 'run busybox:latest'],
  ['rmi busybox:sys', 'rmi busybox:system'],
  ['run --network inn', 'run --network inner'],
  ['volume rm ke', 'volume rm kept'],
];

describe('completion by the engine, typed at a terminal', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let directory = '';
  let env: Record<string, string> = {};
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('create', '--name', 'old', 'busybox');
    await engine.must('run', '-d', '--name', 'webserver', 'busybox', 'sleep', '1000');
    await engine.must('network', 'create', 'inner');
    await engine.must('volume', 'create', 'kept');
    directory = mkdtempSync(join(tmpdir(), 'orlop-completion-'));
    symlinkSync(join(projectRoot, 'bin/orlop'), join(directory, 'orlop'));
    env = { ORLOP_HOST: engine.host, PATH: `${directory}:${process.env['PATH']}`, HOME: directory, TERM: 'dumb', PS1: '' };
  });
  after(async () => {
    await engine?.[Symbol.asyncDispose]();
    if (directory !== '') rmSync(directory, { recursive: true });
  });

  for (const [shell, { start, prepare }] of Object.entries(shells)) {
    test(`${shell} completes verbs, flags and names`, {
      skip: findProgram(shell) === null ? `${shell} is not installed` : false,
    }, async () => {
      const script = join(directory, `orlop.${shell}`);
      writeFileSync(script, (await runProgram(['orlop', 'completion', shell], { env })).stdout);
      const terminal = startInTerminal(`stty cols 200; ${start}`, { env: { ...env, SCRIPT: script }, timeoutMs: 100_000 });
      terminal.child.stdin.write(`${prepare}; echo "made "ready\n`);
      await terminal.said('made ready');
      for (const [typed, becomes] of cases) await completes(terminal, typed, becomes);
      terminal.child.stdin.write('exit\n');
      assert.equal((await terminal.ended).code, 0);
    });
  }

  test('fish completes names', { skip: findProgram('fish') === null ? 'fish is not installed' : false }, async () => {
    const script = join(directory, 'orlop.fish');
    writeFileSync(script, (await runProgram(['orlop', 'completion', 'fish'], { env })).stdout);
    for (const [typed, becomes] of cases) {
      const { stdout } = await runProgram(['fish', '--no-config', '-c', `source ${script}; complete -C "orlop ${typed}"`], { env });
      const offered = stdout.split('\n').map((line) => line.split('\t')[0]);
      assert.ok(offered.includes(becomes.split(' ').at(-1)), `${typed}: ${stdout}`);
    }
  });
});

/** What the line has become is printed by the shell itself: echo is put before it, and a mark. */
async function completes({ child, heard, said }: RunningProgram, typed: string, becomes: string): Promise<void> {
  const before = heard.stdout.length;
  child.stdin.write(`orlop ${typed}\t`);
  const wanted = becomes.slice(typed.length);
  const isThere = (): boolean => heard.stdout.slice(before).includes(wanted);
  for (const deadline = Date.now() + 20_000; !isThere() && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 20));
  // To the line's beginning, where a comment would not do: the words are printed between marks.
  const mark = `<${typed.replaceAll(' ', '_')}>`;
  child.stdin.write(`\u0001printf '%s ' '${mark}' \u0005\n`);
  await said(`${mark} orlop ${becomes} `);
}
