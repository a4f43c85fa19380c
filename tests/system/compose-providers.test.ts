import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { composeProject, type ComposeProject } from './compose-project.ts';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const skip = whyNot();

/** A provider as a shell script: notes its calls, tells where the service is, and asks for the service's configuration. */
const script = `#!/bin/sh
[ "$2" = metadata ] && { echo '{"description":"a cloud","up":{"parameters":[{"name":"size","required":true}]},"down":{"parameters":[]},"stop":{"parameters":[]}}'; exit; }
echo "$*" >> "$CALLS"
[ "$3" = up ] || exit 0
echo '{"type":"info","message":"asking the cloud"}'
echo '{"type":"get-service-config"}'
read -r config
case "$config" in *'"size"'*) ;; *) echo '{"type":"error","message":"no configuration"}'; exit 1 ;; esac
echo '{"type":"setenv","message":"URL=https://cloud/db"}'
echo '{"type":"rawsetenv","message":"TOKEN=secret"}'
`;

const file = (size: string): string => `services:
  database: {provider: {type: orlop-test-cloud, options: {${size}name: [one, two]}}}
  app: {image: busybox, command: [sh, -c, "env | grep -E '^(DATABASE_URL|TOKEN)=' | sort"], depends_on: [database]}
`;

let engine: TestEngine;
before(async () => {
  if (skip !== false) return;
  engine = await startEngine();
  await engine.must('template', 'build', 'busybox');
});
after(() => engine?.[Symbol.asyncDispose]());

test('a provider is called for its service, with its options, and its variables go to what depends on that', { skip }, async () => {
  const project: ComposeProject = composeProject(engine, 'provided', file('size: 3, '));
  const [programs, calls] = [join(engine.root, 'programs'), join(engine.root, 'calls')];
  mkdirSync(programs);
  writeFileSync(join(programs, 'orlop-test-cloud'), script, { mode: 0o755 });
  const env = { PATH: `${programs}:${process.env['PATH'] ?? ''}`, CALLS: calls, HOME: engine.root };
  const compose = (...args: string[]): ReturnType<TestEngine['orlop']> =>
    engine.orlopWith({ cwd: project.directory, env, timeoutMs: 60_000 }, 'compose', ...args);
  const up = await compose('up');
  assert.equal(up.code, 0, up.stderr);
  assert.match(up.stdout, /app-1 {2}\| DATABASE_URL=https:\/\/cloud\/db\napp-1 {2}\| TOKEN=secret/);
  assert.match(up.stderr, /^ database {2}asking the cloud$/m);
  assert.equal((await compose('stop')).code, 0);
  assert.equal((await compose('down')).code, 0);
  const call = 'compose --project-name=provided';
  assert.deepEqual(readFileSync(calls, 'utf8').trim().split('\n'), [
    `${call} up --size=3 database`,
    `${call} stop database`,
    `${call} down database`,
  ]);

  project.write(file(''));
  const missing = await compose('up', '-d');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /required parameter "size" is missing/);
  project.write(file('size: 3, ').replace('orlop-test-cloud', 'orlop-nobody'));
  assert.match((await compose('up', '-d')).stderr, /there is no provider orlop-nobody/);
  writeFileSync(join(programs, 'orlop-nobody'), '#!/nowhere\n', { mode: 0o755 });
  const broken = await compose('up', '-d');
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /service database: its provider .*orlop-nobody cannot be run: .*ENOENT/);
});
