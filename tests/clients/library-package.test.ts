import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { after, before, describe, test } from 'node:test';
import { eventually, projectRoot, runCommand, startEngine, whyNot, type TestEngine } from '../system/harness.ts';
import { examplesSay } from '../system/library-programs.ts';

/** What a program sees of the library, in the syntax of the oldest runtime. */
const program = `
import { connect, isOrlopError, openEngine } from 'orlop';
const engine = connect({ lease: true });
const said = {};
try {
  said.end = await engine.runToEnd({ image: 'busybox', command: ['sh', '-c', 'cat; echo bad >&2; exit 3'], input: 'in\\n', network: 'none' });
  const container = await engine.run({ image: 'busybox', command: ['sh', '-c', 'echo ready; sleep 1000'], init: true });
  said.line = await container.waitForLog('ready');
  const child = await container.spawn(['cat'], { stdin: true });
  await child.stdin.write('half-');
  await child.stdin.write('closed');
  await child.stdin.end();
  let text = '';
  for await (const piece of child.stdout) text += new TextDecoder().decode(piece);
  said.spawned = [text, await child.exit];
  const large = 'x'.repeat(1000000);
  said.large = (await container.exec(['wc', '-c'], { input: large })).stdout.trim();
  await container.files.write('/tmp/file', 'content');
  said.file = await container.files.readText('/tmp/file');
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  said.aborted = await container.exec(['sleep', '1000'], { signal: controller.signal }).catch((error) => error.kind);
  const given = new AbortController();
  const until = container.until(given.signal);
  said.whileUnfired = (await until.inspect()).State.Running;
  setTimeout(() => given.abort(), 50);
  said.until = [await until.wait().catch((error) => error.kind), await until.inspect().catch((error) => error.kind)];
  said.clientUntil = await engine.client.until(given.signal).containers.list().catch((error) => error.kind);
  for await (const usage of container.stats()) { said.pids = usage.pids > 0; break; }
  said.missing = await engine.containers.get('nobody').catch((error) => isOrlopError(error, 'not-found'));
  said.opens = typeof openEngine;
} finally {
  await engine.close();
}
console.log(JSON.stringify(said));
`;

const expected = {
  end: { exitCode: 3, stdout: 'in\n', stderr: 'bad\n' },
  line: { stream: 'stdout', text: 'ready' },
  spawned: ['half-closed', 0],
  large: '1000000',
  file: 'content',
  aborted: 'cancelled',
  whileUnfired: true,
  until: ['cancelled', 'cancelled'],
  clientUntil: 'cancelled',
  pids: true,
  missing: true,
  opens: 'function',
};

const bun = join(projectRoot, `node_modules/@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : 'x64'}/bin/bun`);

function findCommand(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

interface Runtime {
  readonly name: string;
  readonly command: readonly string[];
  readonly skip: string | false;
}

describe('the package', { skip: whyNot() }, () => {
  let daemon: TestEngine;
  let folder = '';
  before(async () => {
    daemon = await startEngine();
    await daemon.must('template', 'build', 'busybox');
    folder = mkdtempSync(join(tmpdir(), 'orlop-package-'));
    const installed = join(folder, 'node_modules/orlop');
    mkdirSync(installed, { recursive: true });
    const packed = await runCommand('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: projectRoot });
    assert.equal(packed.code, 0, packed.stderr);
    const unpacked = await runCommand('tar', ['-C', installed, '--strip-components=1', '-xzf', join(folder, packed.stdout.trim())]);
    assert.equal(unpacked.code, 0, unpacked.stderr);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'program.mjs'), program);
    const examples = Object.keys(examplesSay).map((name) => join(projectRoot, 'examples/library', name));
    // As a project's compiler makes them for Node 20, which takes neither types nor `using`.
    await build({ entryPoints: examples, outdir: folder, format: 'esm', target: 'node20', outExtension: { '.js': '.mjs' } });
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await daemon[Symbol.asyncDispose]();
  });

  const runtimes: readonly Runtime[] = [
    { name: "the project's Node", command: [join(projectRoot, 'build/node')], skip: false },
    ...['/usr/bin/node', '/usr/local/bin/node'].map(
      (path): Runtime => ({
        name: `the Node at ${path}`,
        command: [path],
        skip: existsSync(path) ? false : 'it is not there',
      }),
    ),
    { name: 'Bun', command: [bun, 'run'], skip: existsSync(bun) ? false : 'npm had none for this machine' },
    {
      name: 'Deno',
      command: [findCommand('deno') ?? 'deno', 'run', '-A', '--node-modules-dir=manual'],
      skip: findCommand('deno') === undefined ? 'needs deno in PATH' : false,
    },
  ];
  for (const { name, command, skip } of runtimes) {
    test(`is complete for ${name}, and ends by itself`, { skip }, async () => {
      const [file = '', ...args] = command;
      const { code, stdout, stderr } = await runCommand(file, [...args, 'program.mjs'], {
        cwd: folder,
        env: { ORLOP_HOST: daemon.host, NODE_OPTIONS: '' },
      });
      assert.equal(code, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), expected);
      assert.equal(await daemon.must('ps', '-aq'), '');
    });

    test(`runs the examples on ${name}`, { skip }, async () => {
      const [file = '', ...args] = command;
      // The engine of its own needs this Node, wherever the program runs.
      const env = { ORLOP_HOST: daemon.host, NODE_OPTIONS: '', ORLOP_NODE: join(projectRoot, 'build/node') };
      for (const [example, expected] of Object.entries(examplesSay)) {
        const { code, stdout, stderr } = await runCommand(file, [...args, example.replace('.ts', '.mjs')], { cwd: folder, env });
        assert.equal(code, 0, `${example}: ${stderr}`);
        assert.match(stdout, expected, example);
      }
      assert.equal(await daemon.must('ps', '-aq'), '');
    });

    test(`what a program on ${name} leased goes when it is killed`, { skip }, async () => {
      const [file = '', ...args] = command;
      const { code, stdout } = await runCommand(file, [...args, 'lease.mjs', 'kill'], { cwd: folder, env: { ORLOP_HOST: daemon.host } });
      assert.deepEqual([code, /^1 container, 1 network, 1 volume$/m.test(stdout)], [null, true]);
      const left = async (): Promise<string> =>
        (
          await Promise.all(
            [
              ['ps', '-aq'],
              ['volume', 'ls', '-q'],
              ['network', 'ls', '-qf', 'type=custom'],
            ].map((words) => daemon.must(...words)),
          )
        ).join('');
      assert.equal(await eventually(left, (text) => text === ''), '');
    });
  }

  test('starts an engine of its own, with the Node that runs it', async () => {
    const text = `import { openEngine } from 'orlop';
      await using engine = await openEngine();
      await engine.client.templates.build('busybox');
      console.log((await engine.runToEnd({ image: 'busybox', command: ['echo', 'own'] })).stdout);`;
    writeFileSync(join(folder, 'own.mjs'), text);
    const { code, stdout, stderr } = await runCommand(join(projectRoot, 'build/node'), ['own.mjs'], { cwd: folder });
    assert.deepEqual([code, stdout], [0, 'own\n\n'], stderr);
    const old = '/usr/bin/node';
    if (!existsSync(old) || !(await runCommand(old, ['--version'])).stdout.startsWith('v20.')) return;
    writeFileSync(
      join(folder, 'old.mjs'),
      `import { openEngine } from 'orlop'; await openEngine().catch((error) => console.log(error.message));`,
    );
    const refused = await runCommand(old, ['old.mjs'], { cwd: folder, env: { PATH: '/usr/bin:/bin', ORLOP_NODE: '' } });
    assert.match(refused.stdout, /^the engine did not start: needs Node 24\.15 or later: /, refused.stderr);
  });

  test('needs nothing but modules of Node', () => {
    const module = readFileSync(join(folder, 'node_modules/orlop/build/library/index.js'), 'utf8');
    const imported = [...module.matchAll(/^import .* from "([^"]+)";$/gm)].map((match) => match[1] ?? '');
    assert.equal(imported.length > 3, true);
    assert.deepEqual(
      imported.filter((name) => !name.startsWith('node:') || !builtinModules.includes(name.slice(5))),
      [],
    );
  });

  test("has types that hold in somebody else's strict project, with nothing of ours behind them", () => {
    writeFileSync(
      join(folder, 'consumer.ts'),
      `import { connect, openEngine, type Container, type Engine, type LogLine, type OwnedContainer, OrlopError } from 'orlop';
      export async function use(): Promise<number> {
        await using engine: Engine = connect({ host: 'unix:///run/x.sock', lease: { graceMs: 10 } });
        await using owned: OwnedContainer = await engine.run({ image: 'i', ports: [80, { container: 81, host: 8081 }], env: { A: 'b' } });
        const plain: Container = owned.keep();
        for await (const line of plain.logs({ follow: true })) { const l: LogLine = line; console.log(l.text); }
        const { exitCode } = await plain.exec(['true'], { input: new Uint8Array(1), signal: AbortSignal.timeout(1) });
        // @ts-expect-error: a handle of somebody else's container does not remove it
        await plain[Symbol.asyncDispose]();
        // @ts-expect-error: no such option
        await openEngine({ nonsense: true });
        if (exitCode > 0) throw new OrlopError('internal', 'X', 'y');
        return exitCode;
      }`,
    );
    const options = {
      compilerOptions: {
        module: 'nodenext',
        target: 'es2024',
        lib: ['es2024', 'esnext.disposable'],
        strict: true,
        noEmit: true,
        exactOptionalPropertyTypes: true,
        types: ['node'],
        typeRoots: [join(projectRoot, 'node_modules/@types')],
      },
      files: ['consumer.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
    const { stdout, status } = spawnSync(process.execPath, [join(projectRoot, 'node_modules/.bin/tsc'), '-p', folder], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
    const types = join(folder, 'node_modules/orlop/build/library/types');
    const declarations = readdirSync(types, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.d.ts'));
    assert.equal(declarations.length > 20, true);
    for (const path of declarations) assert.doesNotMatch(readFileSync(join(types, path), 'utf8'), /from ['"]#|import\(['"]#/, path);
  });
});
