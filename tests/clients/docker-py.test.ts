import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand, startEngine, whyNot } from '../system/harness.ts';

function whyNoPython(): string | false {
  try {
    execFileSync('python3', ['-c', 'import docker'], { stdio: 'ignore' });
    return false;
  } catch {
    return "Docker's library for Python is not installed (python3-docker)";
  }
}

test("programs that use Docker's library for Python find what they know", { skip: whyNot() || whyNoPython() }, async (context) => {
  await using engine = await startEngine();
  await engine.must('template', 'build', 'busybox');
  const script = fileURLToPath(new URL('docker-py.py', import.meta.url));
  const { stdout, stderr } = await runCommand('python3', [script, engine.host], { timeoutMs: 240_000 });
  const cases = stdout.split(/^(?=ok |FAILED )/m);
  assert.ok(cases.length > 30, `${stdout}${stderr}`);
  for (const said of cases) {
    const name = /^\S+ (\S+)/.exec(said)?.[1] ?? said;
    await context.test(name.replaceAll('_', ' '), () => assert.ok(said.startsWith('ok '), said));
  }
});
