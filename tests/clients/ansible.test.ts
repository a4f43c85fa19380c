import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand, startEngine, whyNot } from '../system/harness.ts';
import { findProgram } from './engine-home.ts';

const missing = findProgram('ansible-playbook') === null ? 'ansible is not installed (ansible and python3-docker)' : false;

test("playbooks of ansible's community.docker reach what they describe, and find it again", { skip: whyNot() || missing }, async () => {
  await using engine = await startEngine();
  await engine.must('template', 'build', 'busybox');
  const playbook = fileURLToPath(new URL('ansible.yml', import.meta.url));
  const { code, stdout, stderr } = await runCommand('ansible-playbook', ['-i', 'localhost,', '-e', `engine=${engine.host}`, playbook], {
    timeoutMs: 240_000,
    env: {
      ANSIBLE_LOCALHOST_WARNING: 'false',
      ANSIBLE_LOCAL_TEMP: `${engine.root}/ansible`,
      ANSIBLE_REMOTE_TEMP: `${engine.root}/ansible`,
    },
  });
  assert.equal(code, 0, `${stdout}${stderr}`);
});
