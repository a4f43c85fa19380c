import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { describeDockerfile, type DescribeKind } from './describe.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const describe = (text: string, kind: DescribeKind, options: { target?: string; buildArgs?: Record<string, string> } = {}) =>
  describeDockerfile(parseDockerfile(text), kind, { buildArgs: {}, platform: amd64, buildPlatform: amd64, namedContexts: [], ...options });

test('targets are all stages, described by the comment that begins with their name', () => {
  const text = `# build makes it
FROM b AS build
RUN false

# not its name
FROM --platform=linux/arm64 \${X} as second

FROM second
`;
  const { targets } = describe(text, 'targets');
  assert.deepEqual(targets, [
    { name: 'build', description: 'makes it', base: 'b', isDefault: false, lines: { first: 2, last: 2 } },
    { name: 'second', description: '', base: '${X}', platform: 'linux/arm64', isDefault: false, lines: { first: 6, last: 6 } },
    { name: '', description: '', base: 'second', isDefault: true, lines: { first: 8, last: 8 } },
  ]);
});

const outlined = `ARG below=box
ARG other=box2
ARG unused=abc\${other}
# end is an end
ARG end="usy\${below}"
FROM b\${end} AS first
# not about it
ARG FOO=1
# BAR is a number
ARG BAR=456
RUN --mount=type=secret,target=/run/pass --mount=type=ssh --mount=type=cache,target=/c,id=c\${BAR} true
FROM alpine\${unused} AS second
ARG BAZ
RUN --mount=type=secret,id=elsewhere true
FROM scratch AS third
ARG ABC=a NONE
# target is what is built
FROM third AS target
COPY --from=first /f /
RUN --mount=type=secret,id=pass,required --mount=type=ssh,id=two true
FROM second
`;

test('an outline says what the target takes: arguments with their values, secrets, agents and caches', () => {
  const { name, description, args, secrets, agents, caches } = describe(outlined, 'outline', {
    target: 'target',
    buildArgs: { BAR: '678' },
  });
  assert.deepEqual([name, description], ['target', 'is what is built']);
  assert.deepEqual(args, [
    { name: 'below', description: '', value: 'box', lines: { first: 1, last: 1 } },
    { name: 'end', description: 'is an end', value: 'usybox', lines: { first: 5, last: 5 } },
    { name: 'FOO', description: '', value: '1', lines: { first: 8, last: 8 } },
    { name: 'BAR', description: 'is a number', value: '678', lines: { first: 10, last: 10 } },
    { name: 'ABC', description: '', value: 'a', lines: { first: 16, last: 16 } },
    { name: 'NONE', description: '', lines: { first: 16, last: 16 } },
  ]);
  assert.deepEqual(secrets, [{ id: 'pass', required: true, lines: { first: 11, last: 11 } }]);
  assert.deepEqual(
    agents?.map(({ id, required }) => [id, required]),
    [
      ['default', false],
      ['two', false],
    ],
  );
  assert.deepEqual(
    caches?.map(({ id }) => id),
    ['c678'],
  );
});
