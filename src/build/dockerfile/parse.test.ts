import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Instruction } from './model.ts';
import { parseDockerfile, parseTrigger } from './parse.ts';

/** What one instruction is, without where it stands. */
function parse(source: string): unknown {
  const instruction = parseDockerfile(`FROM base\n${source}`).stages[0]?.instructions[0] as Instruction;
  const { lines: _lines, source: _source, keyword: _keyword, comments: _comments, ...rest } = instruction;
  return rest;
}

function from(source: string): unknown {
  const [stage] = parseDockerfile(source).stages;
  return { name: stage?.name, image: stage?.from.image, platform: stage?.from.platform };
}

const shell = (text: string): unknown => ({ form: 'shell', text, heredocs: [] });
const exec = (...argv: string[]): unknown => ({ form: 'exec', argv });
const transfer = { link: false, parents: false, exclude: [] };
const word = (text: string): unknown => ({ kind: 'word', text });

describe('each instruction', () => {
  const table: readonly (readonly [source: string, instruction: unknown])[] = [
    ['RUN echo  "a b" \\\n  c', { kind: 'run', command: shell('echo  "a b"   c'), mounts: [], network: 'default', security: 'sandbox' }],
    ['RUN ["a", "b c"]', { kind: 'run', command: exec('a', 'b c'), mounts: [], network: 'default', security: 'sandbox' }],
    ['RUN [ -f x ]', { kind: 'run', command: shell('[ -f x ]'), mounts: [], network: 'default', security: 'sandbox' }],
    [
      'RUN --network=none --security=insecure --mount=type=bind,from=x,"target=a,b" --mount=type=cache,target=$Y z',
      {
        kind: 'run',
        command: shell('z'),
        mounts: [{ text: 'type=bind,from=x,target=a,b', from: 'x' }, { text: 'type=cache,target=$Y' }],
        network: 'none',
        security: 'insecure',
      },
    ],
    ['CMD', { kind: 'cmd', command: shell('') }],
    ['CMD []', { kind: 'cmd', command: exec() }],
    ['CMD ["a"', { kind: 'cmd', command: shell('["a"') }],
    ['ENTRYPOINT a b', { kind: 'entrypoint', command: shell('a b') }],
    ['SHELL ["bash", "-c"]', { kind: 'shell', shell: ['bash', '-c'] }],
    [
      'ENV A=1 B="2 3" C=\\ 4',
      {
        kind: 'env',
        legacy: false,
        pairs: [
          { key: 'A', value: '1' },
          { key: 'B', value: '"2 3"' },
          { key: 'C', value: '\\ 4' },
        ],
      },
    ],
    ['ENV A  b = "c"', { kind: 'env', legacy: true, pairs: [{ key: 'A', value: 'b = "c"' }] }],
    ['ENV A=', { kind: 'env', legacy: false, pairs: [{ key: 'A', value: '' }] }],
    ['LABEL "a b"=c', { kind: 'label', legacy: false, pairs: [{ key: '"a b"', value: 'c' }] }],
    ['ARG A B=1 C=', { kind: 'arg', args: [{ name: 'A' }, { name: 'B', value: '1' }, { name: 'C', value: '' }] }],
    ['WORKDIR a b', { kind: 'workdir', path: 'a b' }],
    ['USER 1:2', { kind: 'user', user: '1:2' }],
    ['STOPSIGNAL 9', { kind: 'stopsignal', signal: '9' }],
    ['MAINTAINER A <a@b>', { kind: 'maintainer', name: 'A <a@b>' }],
    ['EXPOSE 90 $A/udp  80-81', { kind: 'expose', ports: ['$A/udp', '80-81', '90'] }],
    ['VOLUME /a  /b', { kind: 'volume', volumes: ['/a', '/b'] }],
    ['VOLUME ["/a b", " c "]', { kind: 'volume', volumes: ['/a b', 'c'] }],
    ['ONBUILD  copy a b', { kind: 'onbuild', trigger: 'copy a b' }],
    ['HEALTHCHECK --interval=5s none', { kind: 'healthcheck', health: { Test: ['NONE'] } }],
    ['HEALTHCHECK CMD a  b', { kind: 'healthcheck', health: { Test: ['CMD-SHELL', 'a  b'] } }],
    [
      'HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=0s --start-interval=5ms --retries=3 cmd ["a"]',
      { kind: 'healthcheck', health: { Test: ['CMD', 'a'], Interval: 90e9, Timeout: 1.5e9, StartInterval: 5e6, Retries: 3 } },
    ],
    ['COPY a b/', { kind: 'copy', ...transfer, sources: [word('a')], target: 'b/' }],
    ['COPY ["a b", "c"]', { kind: 'copy', ...transfer, sources: [word('a b')], target: 'c' }],
    [
      'COPY --from=x --chown=1:2 --chmod=755 --link --parents --exclude=*.a --exclude=*.b a b c',
      {
        kind: 'copy',
        from: 'x',
        chown: '1:2',
        chmod: '755',
        link: true,
        parents: true,
        exclude: ['*.a', '*.b'],
        sources: [word('a'), word('b')],
        target: 'c',
      },
    ],
    [
      'ADD --checksum=sha256:1 --keep-git-dir=true --unpack=false --link=false https://a/b c',
      { kind: 'add', ...transfer, checksum: 'sha256:1', keepGitDir: true, unpack: false, sources: [word('https://a/b')], target: 'c' },
    ],
    [
      'COPY a <<E <<-"F" << G b\n$x\nE\n\ty\n\tF\nG',
      {
        kind: 'copy',
        ...transfer,
        sources: [
          word('a'),
          { kind: 'heredoc', name: 'E', content: '$x\n', expand: true },
          { kind: 'heredoc', name: 'F', content: 'y\n', expand: false },
          { kind: 'heredoc', name: 'G', content: '', expand: true },
        ],
        target: 'b',
      },
    ],
  ];
  for (const [source, expected] of table) test(JSON.stringify(source), () => assert.deepEqual(parse(source), expected));
});

describe('FROM', () => {
  test('names an image, a platform and a stage, in lower case', () => {
    assert.deepEqual(from('FROM --platform=linux/arm64 a:b@sha256:c As Build-1'), {
      name: 'build-1',
      image: 'a:b@sha256:c',
      platform: 'linux/arm64',
    });
    assert.deepEqual(from('ARG X\nfrom $X'), { name: undefined, image: '$X', platform: undefined });
  });

  test('begins stages; ARGs before the first are global', () => {
    const file = parseDockerfile('ARG A=1\nARG B\nFROM a\nARG C\nRUN x\nFROM b AS c\n');
    assert.deepEqual(
      file.globalArgs.flatMap(({ args }) => args),
      [{ name: 'A', value: '1' }, { name: 'B' }],
    );
    assert.deepEqual(
      file.stages.map(({ index, name, instructions }) => [index, name, instructions.length]),
      [
        [0, undefined, 2],
        [1, 'c', 0],
      ],
    );
  });
});

describe('mistakes', () => {
  const table: readonly (readonly [source: string, message: RegExp])[] = [
    ['RUNN x', /dockerfile parse error on line 2: unknown instruction: RUNN \(did you mean RUN\?\)/],
    ['copyy x y', /unknown instruction: copyy \(did you mean copy\?\)/],
    ['toString x', /unknown instruction: toString$/],
    ['FROM', /FROM requires either one or three arguments/],
    ['FROM a b c', /FROM requires either one or three arguments/],
    ['FROM a AS 1b', /invalid name for build stage: "1b", name can't start with a number or contain symbols/],
    ['FROM --platfrom=x a', /unknown flag: --platfrom \(did you mean platform\?\)/],
    ['RUN --network=nome x', /invalid network mode "nome" \(did you mean none\?\)/],
    ['RUN --security=x y', /invalid security mode "x"/],
    ['RUN --device=x y', /RUN --device is not supported/],
    ['RUN --mount=type=bind,from=$X y', /'from' doesn't support variable expansion, define alias stage instead/],
    ['RUN --mount y', /missing a value on flag: --mount/],
    ["RUN --mount='\"a' y", /failed to parse csv mounts/],
    ['RUN ["a", 1]', /when using JSON array syntax, arrays must be comprised of strings only/],
    ['COPY a', /COPY requires at least two arguments, but only one was provided. Destination could not be determined/],
    ['COPY --from=$X a b', /variable expansion is not supported for --from, define a new stage with FROM/],
    ['COPY --link=maybe a b', /expecting boolean value for flag --link, not: maybe/],
    ['COPY --link= a b', /missing a value on flag: --link/],
    ['COPY --chown=1 --chown=2 a b', /duplicate flag specified: --chown/],
    ['COPY a <<E\nE', /COPY cannot accept a heredoc as a destination/],
    ['ADD --parents a b', /unknown flag: --parents/],
    ['ENV', /ENV requires at least one argument/],
    ['ENV A', /ENV must have two arguments/],
    ['ENV A=1 B', /Syntax error - can't find = in "B". Must be of the form: name=value/],
    ['LABEL =1', /LABEL names can not be blank/],
    ['ARG', /ARG requires at least one argument/],
    ['ARG =1', /ARG names can not be blank/],
    ['WORKDIR', /WORKDIR requires exactly one argument/],
    ['USER --x', /USER requires exactly one argument|unknown flag/],
    ['MAINTAINER --boo joe', /unknown flag: --boo/],
    ['EXPOSE', /EXPOSE requires at least one argument/],
    ['VOLUME [""]', /VOLUME specified can not be an empty string/],
    ['SHELL bash', /SHELL requires the arguments to be in JSON form/],
    ['SHELL []', /SHELL requires at least one argument/],
    ['ONBUILD', /ONBUILD requires at least one argument/],
    ['ONBUILD onbuild RUN x', /Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed/],
    ['ONBUILD from x', /FROM isn't allowed as an ONBUILD trigger/],
    ['HEALTHCHECK', /HEALTHCHECK requires at least one argument/],
    ['HEALTHCHECK NONE x', /HEALTHCHECK NONE takes no arguments/],
    ['HEALTHCHECK CMD', /Missing command after HEALTHCHECK CMD/],
    ['HEALTHCHECK TCP 80', /Unknown type "TCP" in HEALTHCHECK \(try CMD\)/],
    ['HEALTHCHECK --interval=50ns CMD a', /Interval "interval" cannot be less than 1ms/],
    ['HEALTHCHECK --interval=5 CMD a', /time: invalid duration "5"/],
    ['HEALTHCHECK --interval=1e3s CMD a', /time: invalid duration "1e3s"/],
    ['HEALTHCHECK --interval=999999h CMD a', /time: invalid duration/],
    [`HEALTHCHECK --interval=${'1'.repeat(60_000)} CMD a`, /time: invalid duration "1{100}"/],
    ['HEALTHCHECK --retries=-1 CMD a', /--retries cannot be negative \(-1\)/],
    ['HEALTHCHECK --retries=x CMD a', /invalid value for --retries/],
  ];
  for (const [source, message] of table) {
    test(JSON.stringify(source), () => {
      assert.throws(() => parseDockerfile(`FROM base\n${source}`), { message, kind: 'invalid-argument', code: 'BUILD_BAD_DOCKERFILE' });
    });
  }

  test('say where they are, and show it', () => {
    assert.throws(() => parseDockerfile('FROM a\n\nRUN b \\\n  c\nFOO \\\n  d\n# e\n\nRUN f\n'), {
      message: /^dockerfile parse error on line 5: unknown instruction: FOO/,
      details: {
        lines: { first: 5, last: 6 },
        excerpt: '   3 |     RUN b \\\n   4 |       c\n   5 | >>> FOO \\\n   6 | >>>   d\n   7 |     # e\n   8 |\n',
      },
    });
  });

  test('are files without stages, and instructions before the first', () => {
    assert.throws(() => parseDockerfile(' \n'), /the Dockerfile cannot be empty/);
    assert.throws(() => parseDockerfile('ARG a'), /dockerfile contains no stages to build/);
    assert.throws(() => parseDockerfile('RUN a\nFROM b'), /no build stage in current context/);
  });
});

describe('triggers', () => {
  const place = { text: 'FROM a\n', lines: { first: 1, last: 1 } };
  test('are single instructions, blamed on FROM', () => {
    const trigger = parseTrigger('COPY <<E /x\n1\nE', place);
    assert.deepEqual([trigger.kind, trigger.lines], ['copy', place.lines]);
    for (const text of ['RUN a\nRUN b', 'FROM a', 'FOO', '']) {
      assert.throws(
        () => parseTrigger(text, place),
        { kind: 'invalid-argument', details: { lines: place.lines, excerpt: '   1 | >>> FROM a\n   2 |\n' } },
        text,
      );
    }
  });
});
