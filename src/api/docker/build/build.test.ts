import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OrlopError } from '#errors';
import type { Exchange } from '#api/http';
import type { BuildEvent, BuildRequest } from '#wire';
import { decodeBuild } from './decode.ts';
import { classicWords, createClassicLines, failedLine, resultLines } from './progress.ts';

const shown = { stage: '', number: 1, of: 2, lines: 2, atMs: 0 };
const events: readonly BuildEvent[] = [
  { type: 'start', step: 'context', text: 'load build context', instruction: '', ...shown, line: 0 },
  { type: 'start', step: '0.0', text: 'FROM busybox', instruction: 'FROM', ...shown, line: 1 },
  { type: 'end', step: '0.0', atMs: 1, cached: false, state: 'abcdefabcdefabcdef' },
  { type: 'start', step: '0.1', text: 'RUN echo x', instruction: 'RUN', ...shown, line: 2 },
  { type: 'container', step: '0.1', id: '0123456789abcdef' },
  { type: 'log', step: '0.1', stream: 'stdout', text: 'x\n' },
  { type: 'end', step: '0.1', atMs: 2, cached: false, state: 'fedcbafedcbafedcba' },
];

describe("Docker's classic stream", () => {
  test('tells the steps of the file in its words', () => {
    const lines = createClassicLines();
    const text = events.flatMap((event) => lines.of(event)).map(({ stream = '' }) => stream);
    assert.deepEqual(text, [
      'Step 1/2 : FROM busybox',
      '\n',
      ' ---> abcdefabcdef\n',
      'Step 2/2 : RUN echo x',
      '\n',
      ' ---> Running in 0123456789ab\n',
      'x\n',
      'Removing intermediate container 0123456789ab\n',
      ' ---> fedcbafedcba\n',
    ]);
  });

  test('counts triggers, which are no lines of the file', () => {
    const lines = createClassicLines();
    const start = { ...shown, type: 'start', instruction: 'RUN', line: 1 } as const;
    const said = [1, 2].flatMap((number) => lines.of({ ...start, step: `0.${number}`, text: 'ONBUILD RUN x', trigger: { number, of: 2 } }));
    assert.deepEqual(said, [{ stream: '# Executing 2 build triggers\n' }]);
    const own = lines.of({ ...start, step: '0.3', text: 'RUN y', line: 2 });
    assert.deepEqual(own[0], { stream: 'Step 2/2 : RUN y' });
  });

  test('says where the cache was used, and what was built', () => {
    const lines = createClassicLines();
    lines.of({ ...shown, type: 'start', step: '0.1', text: 'RUN x', instruction: 'RUN', line: 2 });
    assert.deepEqual(
      lines.of({ type: 'end', step: '0.1', atMs: 1, cached: true, state: '111111111111222' }).map(({ stream }) => stream),
      [' ---> Using cache\n', ' ---> 111111111111\n'],
    );
    const id = `sha256:${'ab'.repeat(32)}`;
    assert.deepEqual(resultLines({ buildId: 'b', id, digest: id, names: ['a:1'], warnings: [] }, ['a notice']), [
      { aux: { ID: id } },
      { stream: 'a notice\n' },
      { stream: 'Successfully built abababababab\n' },
      { stream: 'Successfully tagged a:1\n' },
    ]);
  });

  test('takes steps from images that are named for it', () => {
    const asked = (cachefrom: string): BuildRequest =>
      decodeBuild({
        query: { text: (name: string) => (name === 'cachefrom' ? cachefrom : ''), integer: () => null, flag: () => false, all: () => [] },
      } as unknown as Exchange);
    assert.deepEqual(asked('["a:1","b:2"]').cacheFrom, [
      { kind: 'image', reference: 'a:1' },
      { kind: 'image', reference: 'b:2' },
    ]);
    assert.deepEqual(asked('null').cacheFrom, []);
    for (const text of ['{}', '[1]', '"a"', 'a']) assert.throws(() => asked(text), /JSON/);
  });

  test('fails with the code of the command', () => {
    const error = new OrlopError('failed-precondition', 'BUILD_STEP_FAILED', 'x', {
      details: { exitCode: 3, command: '/bin/sh -c exit 3' },
    });
    const line = failedLine(error);
    assert.equal(line.error, "The command '/bin/sh -c exit 3' returned a non-zero code: 3");
    assert.deepEqual(line.errorDetail, { code: 3, message: line.error });
  });

  test('says what is missing as the first builder did', () => {
    const missing = new OrlopError('not-found', 'BUILD_NO_SOURCE', 'x', { details: { source: '/a', step: 'ADD a /' } });
    assert.equal(
      classicWords(missing).message,
      'ADD failed: file not found in build context or excluded by .dockerignore: stat a: file does not exist',
    );
    const empty = new OrlopError('invalid-argument', 'BUILD_BAD_DOCKERFILE', 'the Dockerfile cannot be empty', {
      details: { lines: { first: 1 } },
    });
    assert.equal(classicWords(empty).message, 'the Dockerfile (Dockerfile) cannot be empty');
    const file = new OrlopError('not-found', 'BUILD_NO_DOCKERFILE', 'x', { details: { dockerfile: 'D' } });
    assert.equal(classicWords(file).message, 'Cannot locate specified Dockerfile: D');
  });
});
