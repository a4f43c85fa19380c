import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { isOrlopError, type OrlopError } from '#errors';
import { readTarMembers } from '#store';
import type { BuildClient, BuildEvent, BuildRequest, BuildResult, SentFile } from '#wire';
import { agentAt, agentOf, forwardAgent } from './ssh-agent.ts';
import { contextOf, type Files } from '../fixtures/context.ts';
import { never, openTestEngine, type TestEngine, whyNoEngine } from '../fixtures/test-engine.ts';

interface Built extends BuildResult {
  readonly events: readonly BuildEvent[];
  readonly output: string;
  readonly cached: readonly boolean[];
}

describe('builds', { skip: whyNoEngine() }, () => {
  let host: TestEngine;
  before(async () => {
    host = await openTestEngine();
  });
  after(() => host[Symbol.asyncDispose]());

  async function build(files: Files, request: BuildRequest = {}): Promise<Built> {
    const events: BuildEvent[] = [];
    const result = await host.engine.builds.build(
      { network: 'none', ...request },
      { context: contextOf(files), report: (event) => void events.push(event), signal: never },
    );
    const output = events.map((event) => (event.type === 'log' ? event.text : '')).join('');
    const ended = events.filter((event) => event.type === 'end' && /^\d+\.[1-9]/.test(event.step));
    return { ...result, events, output, cached: ended.map((event) => event.type === 'end' && event.cached) };
  }

  async function sh(image: string, script: string): Promise<string> {
    const id = await host.run(['sh', '-c', script], { image });
    assert.equal(await host.exitCode(id), 0, await host.output(id));
    const output = await host.output(id);
    await host.engine.containers.remove(id, { force: true });
    return output;
  }

  async function failure(work: Promise<unknown>): Promise<OrlopError> {
    try {
      await work;
    } catch (error) {
      if (isOrlopError(error)) return error;
      throw error;
    }
    throw new Error('it did not fail');
  }

  test('run steps on a base, copy files, and keep the configuration', async () => {
    const built = await build(
      {
        Dockerfile: 'FROM busybox\nENV A=1\nRUN echo hello > /made && echo said\nWORKDIR /app\nCOPY sub/ ./\nCMD ["cat", "/made"]\n',
        'sub/': '',
        'sub/file': { content: 'text\n', mode: 0o755 },
        'sub/link': { link: 'file' },
      },
      { names: ['app:1'] },
    );
    assert.equal(built.output, 'said\n');
    assert.equal(
      await sh('app:1', 'cat /made /app/link; stat -c "%a %u:%g %Y" /app/file; pwd; echo $A'),
      'hello\ntext\n755 0:0 1600000000\n/app\n1\n',
    );
    const image = host.engine.images.inspect('app:1');
    assert.equal(image.id, built.id);
    assert.deepEqual(image.config.command, ['cat', '/made']);
    assert.equal(image.diffIds.length, host.engine.images.inspect('busybox').diffIds.length + 3);
  });

  test('a check knows the variables of a base image that is here', async () => {
    const files = { Dockerfile: 'FROM busybox\nRUN echo made\nENV A=$PATH B=$NOBODY\n' };
    const { warnings } = await build(files, { check: true });
    assert.deepEqual(
      warnings.map(({ rule, message }) => [rule, message]),
      [['UndefinedVar', "Usage of undefined variable '$NOBODY'"]],
    );
    const unknown = await build({ Dockerfile: 'FROM not-here\nENV B=$NOBODY\n' }, { check: true });
    assert.deepEqual(unknown.warnings, []);
  });

  test('a build that was made is not made again, and is the same image', async () => {
    const files = { Dockerfile: 'FROM busybox\nRUN date +%N > /now\nCOPY a /a\nRUN cat /a > /b\nLABEL x=1\n', a: 'one' };
    const first = await build(files);
    const second = await build(files);
    assert.deepEqual(second.cached, [true, true, true, false]);
    assert.equal(second.id, first.id);
    const changed = await build({ ...files, a: 'two' });
    assert.deepEqual(changed.cached, [true, false, false, false]);
    const anew = await build(files, { noCache: true });
    assert.deepEqual(anew.cached, [false, false, false, false]);
    assert.notEqual(anew.id, first.id);
  });

  test('the next engine finds what steps made', async () => {
    const files = { Dockerfile: 'FROM busybox\nRUN date +%N > /then\n' };
    const first = await build(files);
    await host.reopen();
    const second = await build(files);
    assert.deepEqual(second.cached, [true]);
    assert.equal(second.id, first.id);
  });

  test('a layer holds what its step changed, and nothing of what was mounted', async () => {
    await build(
      { Dockerfile: 'FROM scratch\nCOPY --from=busybox /bin /bin\nRUN ["/bin/sh", "-c", "echo x > /only"]\n' },
      { names: ['bare'] },
    );
    const names: string[] = [];
    const id = await host.create(['true'], { image: 'bare' });
    for await (const { entry } of readTarMembers(host.engine.archives.export(id))) names.push(entry.path);
    await host.engine.containers.remove(id, {});
    assert.deepEqual(
      names.filter((name) => !/^bin\/./.test(name)),
      ['./', 'bin/', 'only'],
    );
  });

  test('stages are built side by side, those that nobody needs not at all', async () => {
    const built = await build(
      {
        Dockerfile:
          'FROM busybox AS one\nRUN echo 1 > /one\nFROM busybox AS unneeded\nRUN false\nFROM busybox AS two\nRUN echo 2 > /two\nFROM busybox\nCOPY --from=one /one /\nCOPY --from=two /two /other\n',
      },
      { names: ['stages'] },
    );
    assert.equal(await sh('stages', 'cat /one /other'), '1\n2\n');
    assert.ok(!built.events.some((event) => event.type === 'start' && event.stage === 'unneeded'));
  });

  test('a step that fails says where, and how', async () => {
    const error = await failure(build({ Dockerfile: 'FROM busybox\nRUN echo before\nRUN echo oh >&2; exit 3\n' }));
    assert.equal(error.code, 'BUILD_STEP_FAILED');
    assert.equal(error.message, 'process "/bin/sh -c echo oh >&2; exit 3" did not complete successfully: exit code: 3');
    assert.equal(error.details?.['exitCode'], 3);
    assert.match(String(error.details?.['excerpt']), />>> RUN echo oh/);
    assert.deepEqual(host.engine.containers.list({ all: true }), []);
    assert.equal(host.engine.builds.history()[0]?.status, 'failed');
  });

  test('mounts: files of the context and of stages, secrets, caches, memory', async () => {
    const Dockerfile = `FROM busybox AS other
RUN echo stage > /from-stage
FROM busybox
RUN --mount=type=bind,target=/src --mount=type=bind,from=other,source=/from-stage,target=/one cat /src/a /one
RUN --mount=type=bind,target=/src,rw echo gone > /src/new && cat /src/new
RUN --mount=type=secret,id=key --mount=type=secret,id=key,env=KEY cat /run/secrets/key > /dev/null && test "$KEY" = hush
RUN --mount=type=cache,target=/cache,uid=7 stat -c %u /cache && echo kept >> /cache/file
RUN --mount=type=cache,target=/cache wc -l < /cache/file
RUN --mount=type=tmpfs,target=/mem,size=1m mount | grep -c ' /mem ' && ! test -e /run/secrets
`;
    const request = { names: ['mounts'], secrets: { key: Buffer.from('hush').toString('base64') } };
    const built = await build({ Dockerfile, a: 'context\n' }, request);
    assert.equal(built.output, 'context\nstage\ngone\n7\n1\n1\n');
    assert.equal(await sh('mounts', 'ls -d /src /one /cache /mem /run/secrets 2>/dev/null | wc -l'), '0\n');
    const caches = (await host.engine.builds.cache()).filter(({ type }) => type === 'exec.cachemount');
    assert.deepEqual(
      caches.map(({ description }) => description),
      ['cache mount /cache'],
    );
    const error = await failure(build({ Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=none,required=true true\n' }));
    assert.equal(error.code, 'BUILD_NO_SECRET');
  });

  test('with a date given the image is the same whenever it is built', async () => {
    const ids: string[] = [];
    for (const content of [1, 2]) {
      const files = {
        Dockerfile: 'FROM busybox\nCOPY a /d/a\nRUN touch /x /y && mkdir /z\nRUN echo > /d/b\n',
        a: 'same',
        [`b${content}`]: 'not copied',
      };
      const built = await build(files, { noCache: true, sourceDateEpoch: 1_500_000_000 });
      ids.push(built.digest);
    }
    assert.equal(ids[0], ids[1]);
  });

  test('a build that is given up leaves no process', async () => {
    const giveUp = new AbortController();
    const running = host.engine.builds.build(
      { network: 'none' },
      {
        context: contextOf({ Dockerfile: 'FROM busybox\nRUN echo up; sleep 1000\n' }),
        report: (event) => event.type === 'log' && giveUp.abort(),
        signal: giveUp.signal,
      },
    );
    const error = await failure(running);
    assert.equal(error.kind, 'cancelled');
    assert.deepEqual(host.engine.containers.list({ all: true }), []);
  });

  test('files, archives, Dockerfiles and repositories from the web', async (t) => {
    const served = mkdtempSync(join(tmpdir(), 'orlop-web-'));
    t.after(() => rmSync(served, { recursive: true }));
    writeFileSync(join(served, 'file.txt'), 'fetched\n');
    writeFileSync(join(served, 'Dockerfile'), 'FROM busybox\nRUN echo from the web\n');
    execFileSync('tar', ['-czf', join(served, 'context.tar.gz'), '-C', served, 'Dockerfile', 'file.txt']);
    const git = (...args: string[]): string =>
      execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', ...args], { cwd: join(served, 'work'), encoding: 'utf8' });
    mkdirSync(join(served, 'work/sub'), { recursive: true });
    writeFileSync(join(served, 'work/sub/Dockerfile'), 'FROM busybox\nCOPY here /\nRUN cat /here\n');
    writeFileSync(join(served, 'work/sub/here'), 'from git\n');
    symlinkSync(served, join(served, 'work/astray'));
    git('init', '-q', '-b', 'main');
    git('add', '.');
    git('commit', '-q', '-m', 'x');
    git('clone', '-q', '--bare', '.', '../repository.git');
    execFileSync('git', ['update-server-info'], { cwd: join(served, 'repository.git') });
    const server = createServer((request, response) => {
      const path = join(served, new URL(request.url ?? '/', 'http://x').pathname);
      if (path === `${served}/` || path.endsWith('/file.txt')) response.setHeader('last-modified', 'Sat, 03 Feb 2001 04:05:06 GMT');
      if (path === `${served}/`) return void response.end('no name\n');
      if (!existsSync(path) || statSync(path).isDirectory()) return void response.writeHead(404).end();
      createReadStream(path).pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sum = createHash('sha256').update('fetched\n').digest('hex');

    const added = await build({
      Dockerfile: `FROM busybox\nADD ${web}/file.txt /a/\nADD --checksum=sha256:${sum} ${web}/file.txt /b\nADD ${web}/context.tar.gz /c/\nADD ${web}/repository.git#main:sub /d\nADD ${web}/ /e/\nRUN cat /a/file.txt /b /d/here /e/*; stat -c '%a %Y' /b; ls /c /e; stat -c %Y /c/*\n`,
    });
    assert.equal(added.output, 'fetched\nfetched\nfrom git\nno name\n600 981173106\n/c:\ncontext.tar.gz\n\n/e:\n__unnamed__\n0\n');
    const wrong = await failure(build({ Dockerfile: `FROM busybox\nADD --checksum=sha256:${'0'.repeat(64)} ${web}/file.txt /b\n` }));
    assert.equal(wrong.code, 'BUILD_WRONG_CHECKSUM');
    assert.equal((await build({}, { remote: `${web}/Dockerfile` })).output, 'from the web\n');
    assert.equal((await build({}, { remote: `${web}/context.tar.gz`, noCache: true })).output, 'from the web\n');
    assert.equal((await build({}, { remote: `${web}/repository.git#main:sub` })).output, 'from git\n');
    const astray = await failure(build({}, { remote: `${web}/repository.git#main:astray` }));
    assert.equal(astray.code, 'BUILD_BAD_URL');
    const none = await failure(build({}, { remote: `${web}/repository.git#nothing` }));
    assert.equal(none.code, 'BUILD_GIT_FAILED');
  });

  test('an agent of the client answers in a step', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-agent-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const agent = createSocketServer((socket) => socket.end('hello')).listen(join(directory, 'agent'));
    t.after(() => agent.close());
    const Dockerfile = 'FROM busybox\nRUN --mount=type=ssh,uid=5 test -S "$SSH_AUTH_SOCK" && stat -c %u "$SSH_AUTH_SOCK"\n';
    assert.equal((await build({ Dockerfile }, { ssh: { default: join(directory, 'agent') } })).output, '5\n');
    await using _forwarded = await forwardAgent(join(directory, 'forwarded'), agentAt(join(directory, 'agent')));
    assert.equal(await readText(connect(join(directory, 'forwarded'))), 'hello');
    const missing = await failure(build({ Dockerfile: 'FROM busybox\nRUN --mount=type=ssh,required=true true\n' }));
    assert.equal(missing.code, 'BUILD_NO_AGENT');
  });

  test('an agent that is only reached through the client answers as well, each conversation by itself', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'orlop-agent-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const client: BuildClient = {
      secret: async () => null,
      hasAgent: async () => true,
      async *talkToAgent(id, from) {
        for await (const chunk of from) yield Buffer.from(`${id} heard ${Buffer.from(chunk).toString()}`);
      },
      login: async () => null,
    };
    await using _forwarded = await forwardAgent(join(directory, 'forwarded'), agentOf(client, 'own', new AbortController().signal));
    for (const word of ['one', 'two']) {
      const socket = connect(join(directory, 'forwarded'));
      socket.end(word);
      assert.equal(await readText(socket), `own heard ${word}`);
    }
  });

  test('files that a client sends one by one stay in the context, whatever they are called', async (t) => {
    const outside = mkdtempSync(join(tmpdir(), 'orlop-outside-'));
    t.after(() => rmSync(outside, { recursive: true }));
    const base = { mode: 0o644, mtimeNs: 0n, target: '', major: 0, minor: 0, xattrs: {} };
    const sent = (file: Pick<SentFile, 'path' | 'type'> & Partial<SentFile>, text = ''): SentFile => ({
      ...base,
      sizeBytes: text.length,
      content: Readable.from(text === '' ? [] : [Buffer.from(text)]),
      ...file,
    });
    const buildOf = (files: readonly SentFile[]): Promise<unknown> =>
      host.engine.builds.build(
        { dockerfileText: 'FROM busybox\nCOPY . /all\n', output: 'none' },
        { context: { files: Readable.from(files) }, report: () => undefined, signal: new AbortController().signal },
      );
    for (const path of ['../evil', 'a/../../evil', '/../evil'])
      await assert.rejects(buildOf([sent({ path, type: 'file' }, 'x')]), { code: 'BUILD_ARCHIVE_CLIMBS' }, path);
    await assert.rejects(buildOf([sent({ path: 'a\0b', type: 'file' })]), { code: 'STORE_BAD_TAR_ENTRY' });
    const through = [sent({ path: 'way', type: 'symlink', target: outside }), sent({ path: 'way/evil', type: 'file' }, 'x')];
    await buildOf(through).catch(() => undefined);
    const named = [sent({ path: 'name', type: 'link', target: join(outside, '../passwd') })];
    await assert.rejects(buildOf(named));
    assert.deepEqual(readdirSync(outside), []);
  });

  test('archives are unpacked by ADD alone, and other contexts have names', async () => {
    const tar = execFileSync('tar', ['-cf', '-', '-C', '/', '--transform', 's,^,in/,', 'etc/hostname'], { encoding: 'latin1' });
    const built = await build(
      {
        Dockerfile:
          'FROM busybox\nADD a.tar /added\nCOPY a.tar /copied\nCOPY --from=other /bin/busybox /b\nRUN ls /added/in/etc; test -f /copied && ls /b\n',
        'a.tar': tar,
      },
      { namedContexts: { other: { kind: 'image', reference: 'busybox' } } },
    );
    assert.equal(built.output, 'hostname\n/b\n');
  });

  test('what a stage inherits by ONBUILD is done, and may copy from other stages', async () => {
    await build({ Dockerfile: 'FROM busybox\nONBUILD COPY a /triggered\nONBUILD RUN cat /triggered\n' }, { names: ['base-with-triggers'] });
    const built = await build({ Dockerfile: 'FROM base-with-triggers\nRUN echo own\n', a: 'trigger\n' });
    assert.equal(built.output, 'trigger\nown\n');
  });

  test('limits hold in steps', async () => {
    const Dockerfile =
      'FROM busybox\nRUN ulimit -n; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; grep friend /etc/hosts | cut -f1\n';
    const built = await build(
      { Dockerfile },
      {
        ulimits: [{ name: 'nofile', soft: 77, hard: 77 }],
        shmSizeBytes: 1024 * 1024,
        extraHosts: ['friend:192.0.2.9'],
        limits: { memoryBytes: 32e6 },
      },
    );
    assert.equal(built.output, '77\n1024\n192.0.2.9\n');
    const greedy = await failure(
      build(
        { Dockerfile: 'FROM busybox\nRUN head -c 100m /dev/zero | tail > /dev/null\n' },
        { limits: { memoryBytes: 16e6, memorySwapBytes: 16e6 } },
      ),
    );
    assert.match(greedy.message, /exit code: 137/);
  });

  test('builds on whole copies, where there is no overlay', async () => {
    await using other = await openTestEngine({ snapshots: 'native' });
    const events: BuildEvent[] = [];
    const { id } = await other.engine.builds.build(
      { network: 'none', names: ['copied'] },
      {
        context: contextOf({ Dockerfile: 'FROM busybox\nCOPY a /a\nRUN rm /a && echo b > /b\n', a: 'a' }),
        report: (event) => void events.push(event),
        signal: never,
      },
    );
    assert.equal(other.engine.images.inspect('copied').id, id);
    const names: string[] = [];
    const container = await other.create(['true'], { image: 'copied' });
    for await (const { entry } of readTarMembers(other.engine.archives.export(container))) names.push(entry.path);
    const dated = other.engine.builds.build(
      { network: 'none', sourceDateEpoch: 1 },
      { context: contextOf({ Dockerfile: 'FROM busybox\n' }), report: () => undefined, signal: never },
    );
    assert.equal((await failure(dated)).code, 'BUILD_NO_EPOCH');
    assert.ok(names.includes('b') && !names.includes('a') && !names.includes('.dockerenv'), names.join());
  });

  test('pruning takes what no image needs', async () => {
    await build({ Dockerfile: 'FROM busybox AS a\nRUN echo > /pruned\nFROM busybox\nCOPY --from=a /pruned /kept\n' }, { names: ['keeps'] });
    const pruned = await host.engine.builds.prune({});
    assert.ok(pruned.removed.length > 0);
    assert.equal(await sh('keeps', 'ls /kept'), '/kept\n');
    await host.engine.builds.prune({ all: true });
    assert.deepEqual(await host.engine.builds.cache(), []);
    assert.equal(await sh('keeps', 'ls /kept'), '/kept\n');
  });
});
