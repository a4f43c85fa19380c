import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { dropUnused, hashService, loadProject, printProject, sortedKeys, type Project } from '../../src/compose/index.ts';
import { projectRoot, runCommand, type Outcome } from '../system/harness.ts';
import { layOutCorpus, type CorpusProject } from './compose-corpus.ts';
import { findDockerPlugin } from './docker-plugins.ts';

const plugin = findDockerPlugin('docker-compose');
const root = mkdtempSync(join(tmpdir(), 'orlop-compose-'));
const projects = layOutCorpus(root);

const runIn = (project: CorpusProject, program: string, args: readonly string[]): Promise<Outcome> =>
  runCommand(program, args, {
    cwd: project.directory,
    env: { HOME: '/root', ...project.environment },
    timeoutMs: 60_000,
  });
const ours = (project: CorpusProject, ...args: string[]): Promise<Outcome> =>
  runIn(project, process.execPath, [join(projectRoot, 'src/main/orlop.ts'), 'compose', ...project.args, 'config', ...args]);
const theirs = (project: CorpusProject, ...args: string[]): Promise<Outcome> =>
  runIn(project, plugin ?? '', [...project.args, 'config', ...args]);

/** The same project in this process: one for each would take long. */
function load({ args, directory, environment }: CorpusProject): Promise<Project> {
  const after = (flag: string): string[] => args.filter((_word, index) => args[index - 1] === flag);
  return loadProject({
    files: after('-f'),
    profiles: after('--profile'),
    projectDirectory: after('--project-directory')[0],
    workingDirectory: directory,
    environment: { HOME: '/root', ...environment },
    home: '/root',
  });
}

/** Services whose variables or labels are in files have another hash there than the one that containers are labelled with. */
const withFiles = new Set(['dotenv-forms', 'env-file', 'extends', 'override']);

describe('what orlop compose config understands', () => {
  after(() => rmSync(root, { recursive: true, force: true }));

  for (const project of projects.filter(({ fails }) => fails))
    test(`${project.name} is refused, with the place where that is known`, async () => {
      const { code, stderr } = await ours(project, '--quiet');
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^orlop: (?:[^\n]*\.yaml:\d+:\d+: |[^\n]*\.env: line \d+: |Circular reference|include cycle|env file )/m);
    });

  describe('beside the Compose plugin', {
    skip: plugin === null ? 'docker-compose 2 is not here, and cannot be had from Debian' : false,
    concurrency: 2,
  }, () => {
    for (const project of projects)
      test(`${project.name} is ${project.fails ? 'refused by both' : 'shown alike'}`, async () => {
        const other = await theirs(project, '--format', 'json');
        if (project.fails) return assert.notEqual(other.code, 0);
        assert.equal(other.code, 0, other.stderr);
        const shown: unknown = JSON.parse(JSON.stringify(printProject(dropUnused(await load(project)), 'json')));
        const wanted: unknown = JSON.parse(other.stdout.replaceAll('$$', () => '$'));
        if (project.differs !== null) return assert.notDeepEqual(shown, wanted);
        assert.deepEqual(shown, wanted);
      });

    for (const project of projects.filter(({ name, fails }) => !fails && !withFiles.has(name)))
      test(`services of ${project.name} have the same hashes`, async () => {
        const { services } = await load(project);
        const lines = sortedKeys(services).map((name) => `${name} ${hashService(services[name] ?? {})}\n`);
        assert.equal(lines.join(''), (await theirs(project, '--hash', '*')).stdout);
      });

    test('YAML is written alike, byte for byte', async () => {
      const project = projects.find(({ name }) => name === 'everything');
      assert.ok(project !== undefined);
      const [own, other] = await Promise.all([ours(project), theirs(project)]);
      assert.equal(own.stdout.trimEnd(), other.stdout.trimEnd());
    });

    test('--variables shows the same, as JSON, YAML and a table', async () => {
      // Each is used once: of several uses, which one Compose shows is a matter of chance.
      const directory = join(root, 'variables');
      mkdirSync(directory);
      const text = 'services: {a: {image: "x:${A:-${B:-c}}", labels: {q: "${D:+$E}", r: "${F?no}"}}}';
      writeFileSync(join(directory, 'compose.yaml'), text);
      const project = { name: 'variables', directory, args: [], environment: {}, fails: false, differs: null };
      for (const flags of [['--format', 'json'], ['--format', 'yaml'], []]) {
        const [own, other]: Outcome[] = await Promise.all([
          ours(project, '--variables', ...flags),
          theirs(project, '--variables', ...flags),
        ]);
        const lines = (text = ''): string[] =>
          text
            .trimEnd()
            .split('\n')
            .map((line) => line.trimEnd().replace(/,$/, ''))
            .toSorted();
        assert.deepEqual(lines(own?.stdout), lines(other?.stdout));
      }
    });

    for (const listing of ['services', 'volumes', 'networks', 'profiles', 'images'])
      test(`--${listing} prints the same lines`, async () => {
        const project = projects.find(({ name }) => name === 'everything');
        assert.ok(project !== undefined);
        const [own, other] = await Promise.all([ours(project, `--${listing}`), theirs(project, `--${listing}`)]);
        const lines = ({ stdout }: Outcome): string[] =>
          stdout
            .split('\n')
            .filter((line) => line !== '')
            .toSorted();
        assert.deepEqual(lines(own), lines(other));
      });
  });
});
