import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePlatform } from '#oci';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { parseIgnoreFile } from '#ignore';
import type { CompiledStage, CopyStep, PlanOptions, RunStep, StageConfig, Step } from '../model.ts';
import { type CompileOptions, compileStage, scratchConfig } from './compile.ts';
import { planStages } from './plan.ts';

const amd64 = parsePlatform('linux/amd64');
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Given extends Partial<PlanOptions> {
  readonly base?: StageConfig['config'];
  readonly options?: CompileOptions;
}

/** The last stage of a Dockerfile; all images have the same config. */
function compile(source: string, given: Given = {}): CompiledStage {
  const { base, options, ...rest } = given;
  const triggers = new Map([['base', base?.OnBuild ?? []]]);
  const plan = planStages(parseDockerfile(source), {
    buildArgs: {},
    platform: amd64,
    buildPlatform: amd64,
    namedContexts: [],
    triggers,
    ...rest,
  });
  const compiled: CompiledStage[] = [];
  for (const [position, planned] of plan.stages.entries()) {
    const below = planned.base.kind === 'stage' ? compiled[planned.base.position] : undefined;
    const config = planned.base.kind === 'scratch' || base === undefined ? {} : { config: base };
    compiled.push(compileStage(plan, position, below ?? { ...scratchConfig(amd64), ...config }, options));
  }
  return compiled[plan.target] as CompiledStage;
}

const steps = (source: string, given: Given = {}): readonly Step[] => compile(`FROM base\n${source}`, given).steps;
const step = (source: string, given: Given = {}): Step => steps(source, given).at(-1) as Step;
const history = (source: string, given: Given = {}): unknown => step(source, given).createdBy;
const run = (source: string, given: Given = {}): RunStep => step(source, given) as RunStep;
const copy = (source: string, given: Given = {}): CopyStep => step(source, given) as CopyStep;
const config = (source: string, given: Given = {}): StageConfig['config'] => compile(`FROM base\n${source}`, given).config.config;

describe('history', () => {
  const table: readonly (readonly [source: string, text: string | null])[] = [
    ['RUN echo  hi', 'RUN /bin/sh -c echo  hi # buildkit'],
    ['RUN ["echo", "hi there"]', 'RUN echo hi there # buildkit'],
    ['ARG A=1\nARG B\nARG A=2\nRUN x', 'RUN |2 A=2 B= /bin/sh -c x # buildkit'],
    ['SHELL ["bash", "-c"]\nRUN x', 'RUN bash -c x # buildkit'],
    ['RUN cat <<E > /f\na\nE', 'RUN /bin/sh -c cat <<E > /f\na\nE # buildkit'],
    ['RUN <<-E\n\ta\n\tE', 'RUN /bin/sh -c a\n # buildkit'],
    ['COPY --from=img --link --chown=a:b --chmod=0644 --exclude=z a b', 'COPY --chown=a:b --chmod=0644 a b # buildkit'],
    ['COPY --parents a/ b <<E c/\nE', 'COPY --parents a/ b <<E c/ # buildkit'],
    ['ADD https://a/b c', 'ADD https://a/b c # buildkit'],
    ['ENV A=1 B="2 $C"', 'ENV A=1 B=2 '],
    ['LABEL "a b"=c d=e', 'LABEL a b=c d=e'],
    ['ARG A B=2', 'ARG A B=2'],
    ['WORKDIR a//b/..', 'WORKDIR /a'],
    ['USER 1', 'USER 1'],
    ['CMD a "b"', 'CMD ["/bin/sh" "-c" "a \\"b\\""]'],
    ['CMD []', 'CMD []'],
    ['ENTRYPOINT ["a", "b\\n"]', 'ENTRYPOINT ["a" "b\\n"]'],
    ['SHELL ["a", "-b"]', 'SHELL [a -b]'],
    ['EXPOSE 80 53/UDP 90-91', 'EXPOSE [53/udp 80/tcp 90/tcp 91/tcp]'],
    ['VOLUME /a $B/c', 'VOLUME [/a /c]'],
    ['STOPSIGNAL SIGINT', 'STOPSIGNAL SIGINT'],
    ['MAINTAINER A <a@b>', 'MAINTAINER A <a@b>'],
    ['HEALTHCHECK NONE', 'HEALTHCHECK &{["NONE"] "0s" "0s" "0s" "0s" \'\\x00\'}'],
    [
      'HEALTHCHECK --interval=1h2m3.5s --timeout=250ms --retries=39 CMD a',
      'HEALTHCHECK &{["CMD-SHELL" "a"] "1h2m3.5s" "250ms" "0s" "0s" \'\\\'\'}',
    ],
    ['ONBUILD RUN a', null],
  ];
  for (const [source, text] of table) test(JSON.stringify(source), () => assert.equal(history(source), text));

  test('has layers for what changes files', () => {
    const layers = steps('ENV a=b\nRUN x\nCOPY a b\nWORKDIR /a\nWORKDIR /\nCMD x').map(({ emptyLayer }) => !emptyLayer);
    assert.deepEqual(layers, [false, true, true, true, false, false]);
  });
});

describe('variables', () => {
  test('are those of the base, ENV and ARG, in BuildKit’s order', () => {
    const { env, argsInScope } = run('ARG A=1\nENV B=$A$Q A2=$B\nARG C\nRUN x', {
      base: { Env: ['Q=q', 'PATH=/bin'] },
      buildArgs: { C: 'c' },
    });
    assert.deepEqual(env, ['Q=q', 'PATH=/bin', 'A=1', 'B=1q', 'A2=', 'C=c']);
    assert.deepEqual(argsInScope, { A: '1', C: 'c' });
  });

  test('in one ENV see those from before it', () => {
    assert.deepEqual(config('ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc')?.Env, [path, 'abc=bye', 'def=hello', 'ghi=bye']);
  });

  test('of a base keep their place, and PATH is there', () => {
    assert.deepEqual(config('ENV B=3 C=4', { base: { Env: ['A=1', 'B=2'] } })?.Env, ['A=1', 'B=3', path, 'C=4']);
  });

  test('of ARG: the client’s value, the default, the global one', () => {
    const value = (source: string, buildArgs: Record<string, string> = {}): unknown => history(source, { buildArgs });
    assert.equal(value('ARG A=1', { A: '2' }), 'ARG A=2');
    assert.equal(value('ARG A=$PATH'), `ARG ${path.replace('PATH', 'A')}`);
    assert.equal(value('ARG TARGETARCH'), 'ARG TARGETARCH=amd64');
    assert.equal(value('ARG TARGETARCH=x'), 'ARG TARGETARCH=x');
    assert.equal(value('ARG A=${B?no}', { A: '2' }), 'ARG A=2');
    assert.equal(compile('ARG G=1\nFROM base\nARG G').steps[0]?.createdBy, 'ARG G=1');
    assert.equal(compile('ARG G=1\nFROM base\nLABEL a=$G').steps[0]?.createdBy, 'LABEL a=');
  });

  test('of ARG and ENV hide each other, the later the earlier', () => {
    assert.equal(history('ARG A=1\nENV A=2\nLABEL x=$A'), 'LABEL x=2');
    assert.equal(history('ENV A=2\nARG A=1\nLABEL x=$A'), 'LABEL x=1');
    assert.deepEqual(config('ENV A=2\nARG A=1')?.Env, [path, 'A=2']);
  });

  test('of ARG are inherited by stages on top', () => {
    const { steps: above } = compile('FROM base AS x\nARG A=1\nFROM x\nRUN y');
    assert.equal(above[0]?.createdBy, 'RUN |1 A=1 /bin/sh -c y # buildkit');
  });

  test('for proxies go to the process and nowhere else, unless the file asks for them', () => {
    const buildArgs = { HTTP_PROXY: 'http://secret', no_proxy: 'x' };
    const silent = run('RUN x', { buildArgs });
    assert.deepEqual(silent.proxyEnv, ['HTTP_PROXY=http://secret', 'http_proxy=http://secret', 'NO_PROXY=x', 'no_proxy=x']);
    assert.deepEqual([silent.env, silent.argsInScope, silent.createdBy], [[path], {}, 'RUN /bin/sh -c x # buildkit']);
    assert.equal(run('ARG HTTP_PROXY\nRUN x', { buildArgs }).createdBy, 'RUN |1 HTTP_PROXY=http://secret /bin/sh -c x # buildkit');
  });

  test('are expanded where BuildKit expands them, and only there', () => {
    const given = { base: { Env: ['V=v', 'N=8', 'S=SIGHUP'] } };
    assert.deepEqual(run('RUN echo $V', given).argv, ['/bin/sh', '-c', 'echo $V']);
    assert.deepEqual(config('CMD ["$V"]', given)?.Cmd, ['$V']);
    assert.deepEqual(config('HEALTHCHECK CMD $V', given)?.Healthcheck?.Test, ['CMD-SHELL', '$V']);
    assert.deepEqual(config('SHELL ["$V"]', given)?.Shell, ['$V']);
    assert.deepEqual(config('ONBUILD RUN $V', given)?.OnBuild, ['RUN $V']);
    assert.equal(config('USER $V:"$N"', given)?.User, 'v:8');
    assert.equal(config('STOPSIGNAL $S', given)?.StopSignal, 'SIGHUP');
    assert.deepEqual(config('VOLUME ["/$V x"]', given)?.Volumes, { '/v x': {} });
    assert.deepEqual(config('EXPOSE $N${N}0/udp $NONE', given)?.ExposedPorts, { '880/udp': {} });
    assert.deepEqual(config('LABEL $V=${V}w', given)?.Labels, { v: 'vw' });
    const step = copy('COPY --chown=$V --chmod=7${N:+0}0 --exclude=$V $V <<E "$V/"\n$V \'$V\' \\$V\nE', given);
    assert.deepEqual([step.chown, step.chmod, step.exclude, step.target], ['v', '700', ['v'], '/v/']);
    assert.deepEqual(step.sources, [
      { kind: 'path', pattern: 'v' },
      { kind: 'inline', name: 'E', content: "v 'v' $V\n" },
    ]);
    assert.deepEqual(copy("COPY <<'E' x\n$V\nE", given).sources, [{ kind: 'inline', name: 'E', content: '$V\n' }]);
  });
});

describe('RUN', () => {
  test('runs a heredoc that is all of it, and others through their shell', () => {
    assert.deepEqual(run('RUN <<E\na\nb\nE').argv, ['/bin/sh', '-c', 'a\nb\n']);
    assert.deepEqual(run('RUN <<E sh\na\nE').argv, ['/bin/sh', '-c', '<<E sh\na\nE']);
    assert.deepEqual(run('RUN <<A cat <<B\n1\nA\n2\nB').argv, ['/bin/sh', '-c', '<<A cat <<B\n1\nA\n2\nB']);
  });

  test('runs a heredoc with an interpreter as a file', () => {
    const { argv, files } = run('RUN <<-E\n#!/usr/bin/env python\n\tx\nE');
    assert.deepEqual(argv, ['/bin/sh', '-c', '/dev/pipes/E']);
    assert.deepEqual(files, [{ path: '/dev/pipes/E', content: '#!/usr/bin/env python\nx\n', mode: 0o755 }]);
  });

  test('has user, directory, network and security', () => {
    const { user, workdir, network, security } = run('USER u\nWORKDIR w\nRUN --network=host --security=insecure x', {
      base: { WorkingDir: '/b' },
    });
    assert.deepEqual([user, workdir, network, security], ['u', '/b/w', 'host', 'insecure']);
  });

  test('of nothing is what the image would run, or refused', () => {
    assert.deepEqual(run('ENTRYPOINT ["a"]\nCMD ["b"]\nRUN []').argv, ['a', 'b']);
    assert.throws(() => steps('RUN []'), { message: 'RUN requires at least one argument', code: 'BUILD_BAD_DOCKERFILE' });
  });
});

describe('COPY and ADD', () => {
  test('have targets relative to the directory, and keep what says "directory"', () => {
    const target = (text: string): string => copy(`WORKDIR /w\nCOPY a b ${text}`).target;
    const targets = ['.', './', 'x', 'x/', 'x/.', '/', '/x/../y/', '..', '/w'].map(target);
    assert.deepEqual(targets, ['/w/', '/w/', '/w/x', '/w/x/', '/w/x/', '/', '/y/', '/', '/w']);
  });

  test('have sources that never lead outside', () => {
    const patterns = copy('COPY / . ../../x a/../b/ *.txt c').sources.map((source) => source.kind === 'path' && source.pattern);
    assert.deepEqual(patterns, ['.', '.', 'x', 'b', '*.txt']);
  });

  test('with --parents keep directories from the pivot on', () => {
    assert.deepEqual(copy('COPY --parents ./a/b/./c/*.d /e/./f g h/').sources, [
      { kind: 'path', pattern: 'c/*.d', pivot: 'a/b' },
      { kind: 'path', pattern: 'f', pivot: 'e' },
      { kind: 'path', pattern: 'g', pivot: '.' },
    ]);
  });

  test('take from contexts, stages and images', () => {
    const source = 'FROM a AS s\nFROM base\nCOPY a b\nCOPY --from=s a b\nCOPY --from=i:1 a b\nCOPY --from=c a b\nCOPY --from=scratch a b';
    const froms = compile(source, { namedContexts: ['c'] }).steps.map((each) => each.kind === 'copy' && each.from);
    assert.deepEqual(froms, [
      { kind: 'context' },
      { kind: 'stage', position: 0 },
      { kind: 'image', reference: 'i:1', platform: amd64 },
      { kind: 'named-context', name: 'c' },
      { kind: 'scratch' },
    ]);
  });

  test('know addresses and repositories', () => {
    const { sources } = copy('ADD http://a/b%20c?d=e https://a/ https://g/r.git#v1:sub git@h:r.git b/');
    assert.deepEqual(sources, [
      { kind: 'url', url: 'http://a/b%20c?d=e', fileName: 'b c' },
      { kind: 'url', url: 'https://a/', fileName: '__unnamed__' },
      { kind: 'git', url: 'https://g/r.git#v1:sub', remote: 'https://g/r.git', ref: 'v1', subdir: 'sub', submodules: true },
      { kind: 'git', url: 'git@h:r.git', remote: 'git@h:r.git', submodules: true },
    ]);
    const git = copy('ADD https://g/r.git?tag=v1&keep-git-dir&commit=abc&submodules=false b');
    assert.deepEqual([git.keepGitDir, git.checksum], [true, 'abc']);
    assert.deepEqual(git.sources[0], {
      kind: 'git',
      url: 'https://g/r.git?tag=v1&keep-git-dir&commit=abc&submodules=false',
      remote: 'https://g/r.git',
      ref: 'refs/tags/v1',
      submodules: false,
    });
  });

  const refused: readonly (readonly [source: string, message: RegExp])[] = [
    ['COPY https://a/b c', /source can't be a URL for COPY/],
    ['COPY https://a/b.git c', /source can't be a git ref for COPY/],
    ['COPY --chmod=99 a b', /invalid chmod parameter: '99'. it should be octal string and between 0 and 07777/],
    ['COPY --chmod=10000 a b', /invalid chmod parameter/],
    ['COPY --chmod=u+q a b', /invalid chmod parameter/],
    ['ADD --checksum=sha256:12 https://a/b c', /invalid checksum digest format/],
    [`ADD --checksum=sha256:${'0'.repeat(64)} a c`, /checksum requires HTTP\(S\) or Git sources/],
    [`ADD --checksum=sha256:${'0'.repeat(64)} https://a/b https://a/c c`, /checksum can't be specified for multiple sources/],
    ['ADD --keep-git-dir=false https://a/b.git?keep-git-dir=1 c', /inconsistent keep-git-dir configuration/],
    ['ADD --checksum=ab https://a/b.git?checksum=cd c', /checksum mismatch "ab" != "cd"/],
    ['ADD https://a/b.git?x=1 c', /unexpected query "x"/],
    ['ADD https://a/b.git?tag=1&branch=2 c', /conflicts/],
  ];
  for (const [source, message] of refused) {
    test(`refuse ${JSON.stringify(source)}`, () => assert.throws(() => steps(source), { message, kind: 'invalid-argument' }));
  }

  test('take symbolic modes', () => {
    for (const mode of ['u=rwX,go=rX', 'a+x', '-w', '+X', 'g=u', '0', '07777']) assert.equal(copy(`COPY --chmod=${mode} a b`).chmod, mode);
  });
});

describe('the config', () => {
  test('of CMD and ENTRYPOINT: a new entrypoint drops the base’s command, not the stage’s own', () => {
    const base = { Cmd: ['x'], Entrypoint: ['y'] };
    assert.deepEqual(config('ENTRYPOINT ["a"]', { base }), { Entrypoint: ['a'], Env: [path] });
    assert.deepEqual(config('CMD ["b"]\nENTRYPOINT ["a"]', { base })?.Cmd, ['b']);
    assert.deepEqual(config('ENTRYPOINT []', { base })?.Entrypoint, undefined);
    assert.deepEqual(config('CMD a', { base }), { Cmd: ['/bin/sh', '-c', 'a'], ArgsEscaped: true, Entrypoint: ['y'], Env: [path] });
  });

  test("is that of Docker's first builder where it is asked for: WORKDIR as it is written, and no word of escapes", () => {
    const given = { options: { classic: true } };
    assert.deepEqual(config('WORKDIR /a/\nCMD a', given), { WorkingDir: '/a/', Cmd: ['/bin/sh', '-c', 'a'], Env: [path] });
    assert.equal(config('WORKDIR /a/\nWORKDIR b/', given)?.WorkingDir, '/a/b');
    assert.deepEqual(run('VOLUME /a\nVOLUME /b\nRUN x', given).volumes, ['/a', '/b']);
    assert.deepEqual(run('VOLUME /a\nRUN x').volumes, []);
  });

  test('is what it was at each step', () => {
    const users = steps('USER a\nRUN x\nUSER b').map((each) => each.config.config?.User);
    assert.deepEqual(users, ['a', 'a', 'b']);
  });

  test('adds to labels, ports and volumes of the base', () => {
    const base = { Labels: { a: '1', b: '1' }, ExposedPorts: { '1/tcp': {} }, Volumes: { '/a': {} } };
    const result = config('LABEL b=2\nEXPOSE 2\nVOLUME /b', { base });
    assert.deepEqual(
      [result?.Labels, result?.ExposedPorts, result?.Volumes],
      [
        { a: '1', b: '2' },
        { '1/tcp': {}, '2/tcp': {} },
        { '/a': {}, '/b': {} },
      ],
    );
  });

  test('has author, platform and nothing of layers', () => {
    assert.deepEqual(compile('FROM scratch\nMAINTAINER me').config, {
      author: 'me',
      architecture: 'amd64',
      os: 'linux',
      config: { Env: [path] },
    });
  });

  const refused: readonly (readonly [source: string, message: RegExp])[] = [
    ['EXPOSE 80/x', /invalid proto: x/],
    ['EXPOSE a', /invalid containerPort: a/],
    ['EXPOSE 70000', /invalid containerPort/],
    ['EXPOSE 9-8', /invalid containerPort/],
    ['EXPOSE 1-3:4-5', /invalid ranges specified for container and host Ports: 4-5 and 1-3/],
    ['EXPOSE localhost:1:2', /invalid IP address: localhost/],
    ['EXPOSE /tcp', /no port specified/],
    ['STOPSIGNAL SIGNOPE', /invalid signal: SIGNOPE/],
    ['VOLUME $A', /VOLUME specified can not be an empty string/],
    ['USER ${A:?who}', /A: who/],
  ];
  for (const [source, message] of refused)
    test(`refuses ${source}`, () => assert.throws(() => steps(source), { message, kind: 'invalid-argument' }));

  test('takes addresses and host ports of EXPOSE, which mean nothing', () => {
    const ports = config('EXPOSE 127.0.0.1:80:81 [::1]:1:82 ::1::83 84:85/sctp')?.ExposedPorts;
    assert.deepEqual(Object.keys(ports ?? {}).sort(), ['81/tcp', '82/tcp', '83/tcp', '85/sctp']);
  });
});

describe('triggers', () => {
  test('of an image run first, blamed on FROM, and are gone', () => {
    const base = { OnBuild: ['ENV A=1', 'COPY . /src'] };
    const compiled = compile('ARG X\nFROM base\nRUN $A', { base });
    assert.deepEqual(
      compiled.steps.map(({ createdBy, isTrigger, lines }) => [createdBy, isTrigger, lines.first]),
      [
        ['ENV A=1', true, 2],
        ['COPY . /src # buildkit', true, 2],
        ['RUN /bin/sh -c $A # buildkit', false, 3],
      ],
    );
    assert.equal(compiled.config.config?.OnBuild, undefined);
  });

  test('of a stage run in the stage on top of it, and not in the next', () => {
    const source = 'FROM base AS a\nONBUILD LABEL x=y\nFROM a AS b\nFROM b';
    assert.deepEqual(compile(source, { target: 'a' }).config.config?.OnBuild, ['LABEL x=y']);
    assert.deepEqual(
      compile(source, { target: 'b' }).steps.map(({ createdBy }) => createdBy),
      ['LABEL x=y'],
    );
    assert.deepEqual(compile(source).steps, []);
  });

  test('that copy from what the plan lacks want another plan', () => {
    const base = { OnBuild: ['COPY --from=s a b'] };
    assert.throws(() => compile('FROM x AS s\nFROM base', { base, triggers: new Map() }), {
      code: 'BUILD_PLAN_INCOMPLETE',
      kind: 'failed-precondition',
    });
    assert.deepEqual((compile('FROM scratch AS s\nFROM base', { base }).steps[0] as CopyStep).from, { kind: 'stage', position: 0 });
  });
});

describe('a stage that a context replaces', () => {
  test('has no steps, and that context’s config', () => {
    const compiled = compile('FROM a AS base\nRUN x', { namedContexts: ['base'], base: { User: 'u', OnBuild: ['RUN y'] } });
    assert.deepEqual([compiled.steps, compiled.config.config], [[], { User: 'u', Env: [path] }]);
  });
});

describe('warnings', () => {
  const rules = (source: string, given: Given = {}): unknown =>
    compile(`FROM base\n${source}`, given).warnings.map(({ rule, lines }) => `${rule} ${lines.first}`);

  test('tell undefined variables only where the base is known', () => {
    assert.deepEqual(rules('ARG A\nLABEL x=$A$B y=$PATH'), ['UndefinedVar 3']);
    assert.deepEqual(rules('LABEL x=$B', { options: { knowsBase: false } }), []);
    assert.match(
      compile('FROM base\nENV VERSION=1\nLABEL x=$VERSOIN').warnings[0]?.message ?? '',
      /'\$VERSOIN' \(did you mean \$VERSION\?\)/,
    );
  });

  test('tell files that the context does not have', () => {
    const ignore = parseIgnoreFile('*.log\nsecret');
    assert.deepEqual(rules('COPY a.log secret/x ok /d/\nADD . /d', { options: { ignore } }), ['CopyIgnoredFile 2', 'CopyIgnoredFile 2']);
    assert.deepEqual(rules('COPY a.log /', { options: { ignore: parseIgnoreFile('*.log\n!b.log') } }), []);
    assert.deepEqual(rules('COPY . /', { options: { ignore: parseIgnoreFile('*') } }), ['CopyIgnoredFile 2']);
  });
});
