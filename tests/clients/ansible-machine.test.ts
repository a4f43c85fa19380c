import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadLab, writeLabRecipes } from '../system/debian-lab.ts';
import { eventually, runCommand, startEngine, whyNot, type TestEngine } from '../system/harness.ts';
import { findProgram, whyNoEngine } from './engine-home.ts';

const skip =
  whyNot() || whyNoEngine({ 'ansible-playbook': 'ansible', docker: 'docker.io', ssh: 'openssh-client', 'ssh-keygen': 'openssh-client' });

const playbook = fileURLToPath(new URL('ansible-machine.yml', import.meta.url));

// Three machines, two runs: minutes.
const whyNotNow = process.env['ORLOP_DISTRIBUTIONS'] === '1' ? false : 'it takes minutes: npm run test:distributions runs it';

/** By which way ansible reaches each machine. */
const connections: Readonly<Record<string, string>> = {
  'by-ssh': 'ansible_connection=ssh ansible_user=root',
  'by-exec': 'ansible_connection=community.docker.docker',
  'by-api': 'ansible_connection=community.docker.docker_api',
};

test('ansible configures machines through ssh, docker exec and the API, and finds nothing to do the second time', {
  skip: skip || whyNotNow,
  timeout: 1_200_000,
}, async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'orlop-ansible-'));
  t.after(() => rmSync(scratch, { recursive: true }));
  writeLabRecipes(join(scratch, 'templates'));
  await using engine = await startEngine(['--templates', join(scratch, 'templates')]);
  const lab = await loadLab(engine, 'bookworm', 'systemd');
  if ('why' in lab) return t.skip(lab.why);
  const names = Object.keys(connections);
  await engine.must('launch', lab.image, ...names);
  await Promise.all(
    names.map((name) =>
      eventually(
        async () => (await engine.orlop('exec', name, 'systemctl', 'is-system-running')).stdout,
        (answer) => answer === 'running\n',
      ),
    ),
  );
  const inventory = await writeInventory(engine, scratch);
  makeTree(join(scratch, 'tree'));
  const play = async (): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(
      'ansible-playbook',
      ['-i', inventory, '-e', `tree=${scratch}/tree`, '-e', `fetched=${scratch}/fetched`, playbook],
      { timeoutMs: 500_000, env: { ...environment(engine, scratch), ANSIBLE_HOST_KEY_CHECKING: 'false' } },
    );
    assert.equal(code, 0, `${stdout}${stderr}`);
    return stdout;
  };
  const first = await play();
  assert.match(first, /RUNNING HANDLER \[restart the page\]/);
  for (const name of names) assert.match(first, new RegExp(`^${name} +: ok=\\d+ +changed=[1-9]\\d* +unreachable=0 +failed=0`, 'm'));
  const second = await play();
  for (const name of names) {
    assert.match(second, new RegExp(`^${name} +: ok=\\d+ +changed=0 +unreachable=0 +failed=0`, 'm'), second);
    assert.equal(readFileSync(join(scratch, 'fetched', name, 'srv/tree/deep/file'), 'utf8'), 'deep\n');
    assert.equal(
      await engine.must('exec', name, 'stat', '-c', '%U:%G %a', '/srv/www', '/srv/tree/run'),
      'deploy:web 2775\ndeploy:root 755',
    );
  }
  // What was configured is the machine's: it comes up with it.
  await engine.must('restart', 'by-exec');
  await eventually(
    async () => (await engine.orlop('exec', 'by-exec', 'systemctl', 'is-active', 'page.service')).stdout,
    (answer) => answer === 'active\n',
  );
});

async function writeInventory(engine: TestEngine, scratch: string): Promise<string> {
  const key = join(scratch, 'key');
  assert.equal((await runCommand('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])).code, 0);
  const input = readFileSync(`${key}.pub`, 'utf8');
  const script = 'umask 077; mkdir -p /root/.ssh; cat > /root/.ssh/authorized_keys';
  assert.equal((await engine.orlopWith({ input }, 'exec', '-i', 'by-ssh', 'sh', '-c', script)).code, 0);
  const address = await engine.must('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', 'by-ssh');
  const places: Readonly<Record<string, string>> = {
    'by-ssh': `ansible_host=${address} ansible_ssh_private_key_file=${key}`,
    'by-api': `ansible_docker_docker_host=${engine.host}`,
  };
  const lines = Object.entries(connections).map(([name, how]) => `${name} ${how} ${places[name] ?? ''}`);
  const all = ['[machines]', ...lines, '[machines:vars]', 'ansible_python_interpreter=/usr/bin/python3', ''];
  const inventory = join(scratch, 'inventory');
  writeFileSync(inventory, all.join('\n'));
  return inventory;
}

/** Two plain clients of docker's: its command line and its Python library. */
function environment(engine: TestEngine, scratch: string): Record<string, string> {
  const docker = findProgram('docker') ?? '';
  return {
    DOCKER_HOST: engine.host,
    PATH: `${join(docker, '..')}:${process.env['PATH'] ?? ''}`,
    HOME: scratch,
    ANSIBLE_LOCAL_TEMP: `${scratch}/ansible`,
    ANSIBLE_SSH_ARGS: '-o ControlMaster=no -o UserKnownHostsFile=/dev/null',
    ANSIBLE_NOCOLOR: 'true',
    ANSIBLE_TIMEOUT: '60',
    ANSIBLE_PIPELINING: 'true',
  };
}

function makeTree(directory: string): void {
  mkdirSync(join(directory, 'deep'), { recursive: true });
  writeFileSync(join(directory, 'deep/file'), 'deep\n');
  writeFileSync(join(directory, 'run'), '#!/bin/sh\n', { mode: 0o755 });
}
