import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from './harness.ts';
import { startLibraryProgram } from './library-programs.ts';

const megabyte = 1024 * 1024;

/** Watches the most that the program has held beyond what it began with. */
const measuring = `
const engine = orlop.connect({ lease: true });
const held = () => { globalThis.gc(); const { heapUsed, external } = process.memoryUsage(); return heapUsed + external; };
let before = 0;
let most = 0;
const look = () => { most = Math.max(most, held() - before); };
const flood = 'yes "a line that is said more often than anybody can read it" | head -n 300000';
`;

describe('streams of the library under a flood', { skip: whyNot() }, () => {
  let daemon: TestEngine;
  before(async () => {
    daemon = await startEngine();
    await daemon.must('template', 'build', 'busybox');
  });
  after(() => daemon[Symbol.asyncDispose]());

  const lastLine = async (text: string): Promise<Record<string, number>> => {
    const program = startLibraryProgram(`${measuring}${text}\nawait engine.close();`, {
      ORLOP_HOST: daemon.host,
      NODE_OPTIONS: '--expose-gc --max-old-space-size=128',
    });
    const line = await program.line();
    // Nothing that is left open keeps it alive.
    assert.equal(await program.ended(), 0);
    return JSON.parse(line) as Record<string, number>;
  };

  test('each line of a log arrives in order, in little memory, however slow its reader', async () => {
    const { lines = 0, most = 0 } = await lastLine(`
      const container = await engine.run({ image: 'busybox', command: ['sh', '-c', 'i=0; ' + flood + ' | cat -n'], network: 'none', logging: { options: { 'max-size': '-1' } } });
      before = held();
      let lines = 0;
      for await (const { text } of container.logs({ follow: true })) {
        lines += 1;
        if (Number.parseInt(text, 10) !== lines) throw new Error('line ' + lines + ' is ' + text);
        if (lines % 20000 === 0) { look(); await new Promise((resolve) => setTimeout(resolve, 50)); }
      }
      console.log(JSON.stringify({ lines, most }));
    `);
    assert.equal(lines, 300_000);
    assert.ok(most < 24 * megabyte, `${most} bytes more than before`);
  });

  test('a process waits for who reads its output slowly, and nobody holds what it has not said', async () => {
    const { bytes = 0, most = 0 } = await lastLine(`
      const container = await engine.run({ image: 'busybox', command: ['sleep', '1000'], network: 'none', init: true });
      const child = await container.spawn(['sh', '-c', flood]);
      before = held();
      let bytes = 0;
      let next = 0;
      for await (const piece of child.stdout) {
        bytes += piece.length;
        if (bytes < next) continue;
        next = bytes + 1000000;
        look();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if ((await child.exit) !== 0) throw new Error('it failed');
      console.log(JSON.stringify({ bytes, most }));
    `);
    assert.equal(bytes, 300_000 * 56);
    assert.ok(most < 24 * megabyte, `${most} bytes more than before`);
  });
});
