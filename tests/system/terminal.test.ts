import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot, startEngine, whyNot, type TestEngine } from './harness.ts';
import { openTerminal } from './typed-terminal.ts';

const image = 'busybox';
const orlop = join(projectRoot, 'bin/orlop');

describe('interactive terminals', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const command = (rest: string): string => `${orlop} -H ${engine.host} ${rest}`;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('the first size is that of the user, and a new size arrives', async () => {
    const terminal = openTerminal(`stty rows 33 cols 101; ${command(`run -it --rm ${image} sh`)}`);
    terminal.type('stty size\n');
    await terminal.until(/33 101/);
    terminal.type('exit 4\n');
    assert.equal(await terminal.ended, 4);
  });

  test('a shell answers, ctrl-C ends what runs in it and not the shell, and the exit code passes through', async () => {
    const terminal = openTerminal(command(`run -it --rm ${image} sh`));
    terminal.type('echo mark-$((40+2))\n');
    await terminal.until(/mark-42/);
    terminal.type(`sh -c 'echo busy-$((3+4)); sleep 1000'\n`);
    await terminal.until(/busy-7/);
    terminal.type('\x03');
    terminal.type('echo after-$((1+1))\n');
    await terminal.until(/after-2/);
    terminal.type('exit 6\n');
    assert.equal(await terminal.ended, 6);
  });

  test('what a program writes reaches the terminal as it is, and the terminal is put back afterwards', async () => {
    const terminal = openTerminal(`${command(`run -it --rm ${image} sh -c 'stty -opost; printf "a\\nb"'`)}; stty -a`);
    await terminal.until(/a\nb/);
    assert.equal(await terminal.ended, 0);
    assert.match(terminal.shown(), /[ ;]icanon/);
    assert.match(terminal.shown(), /(?<!-)opost/);
  });

  test('ctrl-P ctrl-Q leaves the container running, attach comes back', async () => {
    const terminal = openTerminal(command(`run -it --name shell ${image} sh`));
    terminal.type('echo one-$((0+1))\n');
    await terminal.until(/one-1/);
    terminal.type('\x10\x11');
    assert.equal(await terminal.ended, 0);
    assert.equal(await engine.must('inspect', '-f', '{{.State.Status}}', 'shell'), 'running');
    const again = openTerminal(command('attach shell'));
    again.type('echo two-$((1+1))\n');
    await again.until(/two-2/);
    again.type('exit 3\n');
    assert.equal(await again.ended, 3);
    await engine.must('rm', 'shell');
  });

  test('exec has a terminal of its own', async () => {
    await engine.must('run', '-d', '--name', 'base', image, 'sleep', '1000');
    const terminal = openTerminal(`stty rows 20 cols 70; ${command('exec -it base sh')}`);
    terminal.type('tty; stty size\n');
    await terminal.until(/\/dev\/pts\/\d+[\s\S]*20 70/);
    terminal.type('exit 8\n');
    assert.equal(await terminal.ended, 8);
    await engine.must('rm', '-f', 'base');
  });

  test('a shell on a terminal survives the death of the engine', async () => {
    const terminal = openTerminal(command(`run -it --name survivor ${image} sh`));
    terminal.type('echo up-$((2+1))\n');
    await terminal.until(/up-3/);
    await engine.kill();
    await terminal.ended;
    await engine.start();
    const again = openTerminal(command('attach survivor'));
    again.type('echo back-$((3+1))\n');
    await again.until(/back-4/);
    again.type('exit 0\n');
    assert.equal(await again.ended, 0);
    await engine.must('rm', 'survivor');
  });

  test('a terminal without a terminal is refused in plain words', async () => {
    const outcome = await engine.orlop('run', '-it', '--rm', image, 'true');
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, /the input device is not a TTY/);
    assert.equal(await engine.must('ps', '-aq'), '');
  });
});
