import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePlatform } from '#oci';
import { parseDockerfile } from '../dockerfile/parse.ts';
import type { PlanOptions, StagePlan } from '../model.ts';
import { planStages } from './plan.ts';

const amd64 = parsePlatform('linux/amd64');
const plan = (source: string, options: Partial<PlanOptions> = {}): StagePlan =>
  planStages(parseDockerfile(source), { buildArgs: {}, platform: amd64, buildPlatform: amd64, namedContexts: [], ...options });
/** Each needed stage: index, base, what it depends on. */
const shape = (planned: StagePlan): unknown => planned.stages.map(({ stage, base, dependsOn }) => [stage.index, base, dependsOn]);
const image = (reference: string): unknown => ({ kind: 'image', reference });

describe('a plan', () => {
  test('has the last stage and what it needs, and nothing else', () => {
    const planned = plan('FROM a AS x\nFROM b AS y\nFROM c AS z\nFROM x\nCOPY --from=Z /1 /\nRUN --mount=from=z,target=/2 true\n');
    assert.deepEqual(shape(planned), [
      [0, image('a'), []],
      [2, image('c'), []],
      [3, { kind: 'stage', position: 0 }, [0, 1]],
    ]);
    assert.equal(planned.target, 2);
  });

  test('ends with the target, by name in any case or by index', () => {
    const source = 'FROM a AS x\nFROM x AS y\nFROM b';
    assert.deepEqual(shape(plan(source, { target: 'Y' })), [
      [0, image('a'), []],
      [1, { kind: 'stage', position: 0 }, [0]],
    ]);
    assert.deepEqual(shape(plan(source, { target: '0' })), [[0, image('a'), []]]);
    assert.throws(() => plan(source, { target: 'xy' }), /target stage "xy" could not be found \(did you mean x\?\)/);
    assert.throws(() => plan(source, { target: '3' }), /target stage "3" could not be found/);
  });

  test('knows images and contexts that are copied and mounted from', () => {
    const source =
      'FROM scratch\nCOPY --from=img:1 a b\nCOPY --from=img:1 c d\nRUN --mount=from=ctx,target=/x true\nCOPY --from=scratch e f';
    const [stage] = plan(source, { namedContexts: ['ctx'] }).stages;
    assert.deepEqual(stage?.base, { kind: 'scratch' });
    assert.deepEqual(stage?.sources, [
      { kind: 'image', reference: 'img:1', platform: amd64 },
      { kind: 'named-context', name: 'ctx' },
    ]);
  });

  test('does not need what a tmpfs says it is from', () => {
    assert.deepEqual(plan('FROM a\nRUN --mount=type=tmpfs,from=x,target=/y true').stages[0]?.sources, []);
  });

  test('takes a stage of that name only from before, and of two of one name the later', () => {
    assert.deepEqual(shape(plan('FROM a AS x\nFROM b AS x\nFROM x')), [
      [1, image('b'), []],
      [2, { kind: 'stage', position: 0 }, [0]],
    ]);
    assert.deepEqual(shape(plan('FROM alpine AS alpine\nFROM alpine')), [
      [0, image('alpine'), []],
      [1, { kind: 'stage', position: 0 }, [0]],
    ]);
  });

  test('takes a stage by its index from COPY, not from FROM or a mount', () => {
    assert.deepEqual(shape(plan('FROM a\nFROM b\nCOPY --from=0 x y')), [
      [0, image('a'), []],
      [1, image('b'), [0]],
    ]);
    assert.throws(() => plan('FROM a\nCOPY --from=7 x y'), /invalid stage index 7/);
  });
});

describe('arguments in FROM', () => {
  const bases = (source: string, options: Partial<PlanOptions> = {}): unknown => plan(source, options).stages.map(({ base }) => base);

  test('are the global ones, the client’s values first', () => {
    const source = 'ARG TAG=1\nARG IMG=a:$TAG\nFROM $IMG';
    assert.deepEqual(bases(source), [image('a:1')]);
    assert.deepEqual(bases(source, { buildArgs: { TAG: '2' } }), [image('a:2')]);
    assert.deepEqual(bases(source, { buildArgs: { IMG: 'b' } }), [image('b')]);
    assert.deepEqual(bases('ARG A\nFROM ${A:-scratch}'), [{ kind: 'scratch' }]);
    assert.throws(() => plan('ARG A\nFROM $A'), /base name \(\$A\) should not be blank/);
    assert.throws(() => plan('FROM a:$TAG'), {
      message: /failed to parse stage name "a:": invalid reference format: (?!invalid)/,
      hint: /a:\$TAG expands to/,
    });
    assert.throws(() => plan('FROM ${A'), { message: /missing '}'/, code: 'BUILD_BAD_DOCKERFILE' });
  });

  test('know both platforms and the target', () => {
    const platform = parsePlatform('linux/arm/v7');
    const source = 'FROM img:$BUILDARCH-$TARGETARCH$TARGETVARIANT-$TARGETSTAGE AS last';
    assert.deepEqual(bases(source, { platform }), [image('img:amd64-armv7-last')]);
    assert.deepEqual(bases('FROM i:$TARGETSTAGE'), [image('i:default')]);
    assert.deepEqual(bases('FROM i:$TARGETARCH', { buildArgs: { TARGETARCH: 'x' } }), [image('i:x')]);
  });

  test('that nothing asks for are told, predefined ones are not', () => {
    const source = 'ARG A\nFROM x\nARG B\nFROM y\nARG C\n';
    const buildArgs = {
      A: '1',
      B: '1',
      C: '1',
      D: '1',
      HTTP_PROXY: 'p',
      no_proxy: 'q',
      BUILDKIT_INLINE_CACHE: '1',
      SOURCE_DATE_EPOCH: '0',
    };
    assert.deepEqual(plan(source, { buildArgs }).unusedBuildArgs, ['D', 'BUILDKIT_INLINE_CACHE']);
  });
});

describe('platforms', () => {
  const arm = parsePlatform('linux/arm64');
  const platforms = (source: string): unknown => plan(source, { platform: arm }).stages.map(({ platform }) => platform);

  test('are the target’s, unless FROM says otherwise; a stage has its base’s', () => {
    assert.deepEqual(platforms('FROM a'), [arm]);
    assert.deepEqual(platforms('FROM --platform=$BUILDPLATFORM a AS x\nFROM --platform=linux/s390x x'), [amd64, amd64]);
    assert.deepEqual(platforms('FROM --platform=linux/s390x scratch'), [arm]);
  });

  test('that are none are refused', () => {
    assert.throws(() => plan('FROM --platform=$X a'), /empty platform value from expression \$X/);
    assert.throws(() => plan('FROM --platform=$TARGETPLATFROM a'), /did you mean TARGETPLATFORM\?/);
    assert.throws(() => plan('FROM --platform=a/b/c/d a'), /failed to parse platform a\/b\/c\/d/);
  });
});

describe('contexts of the client', () => {
  const base = (source: string, ...namedContexts: string[]): unknown => plan(source, { namedContexts }).stages.map((stage) => stage.base);

  test('stand for images, however these are spelled', () => {
    const context = [{ kind: 'context', name: 'alpine' }];
    for (const name of ['alpine', 'alpine:latest', 'docker.io/library/alpine'])
      assert.deepEqual(base(`FROM ${name}`, 'alpine'), context, name);
    assert.deepEqual(base('FROM alpine:3', 'alpine'), [image('alpine:3')]);
    assert.deepEqual(base('FROM alpine', 'docker.io/library/alpine:latest'), [
      { kind: 'context', name: 'docker.io/library/alpine:latest' },
    ]);
  });

  test('stand for whole stages, whose needs go', () => {
    const planned = plan('FROM a AS x\nFROM b AS y\nCOPY --from=x 1 2\nFROM y', { namedContexts: ['y'] });
    assert.deepEqual(shape(planned), [
      [1, { kind: 'context', name: 'y' }, []],
      [2, { kind: 'stage', position: 0 }, [0]],
    ]);
    assert.deepEqual(
      planned.stages.map(({ isReplaced, stage }) => [isReplaced, stage.instructions.length]),
      [
        [true, 0],
        [false, 0],
      ],
    );
  });

  test('never stand for scratch and context', () => {
    assert.deepEqual(base('FROM scratch', 'scratch', 'context'), [{ kind: 'scratch' }]);
  });
});

describe('triggers', () => {
  test('of stages add what they copy from', () => {
    const planned = plan('FROM a AS files\nFROM b AS base\nONBUILD COPY --from=files x y\nFROM base');
    assert.deepEqual(shape(planned), [
      [0, image('a'), []],
      [1, image('b'), []],
      [2, { kind: 'stage', position: 1 }, [0, 1]],
    ]);
  });

  test('of images do once they are known', () => {
    const source = 'FROM a AS files\nFROM base';
    assert.deepEqual(shape(plan(source)), [[1, image('base'), []]]);
    const triggers = new Map([['base', ['COPY --from=files x y', 'ARG Z', 'COPY --from=other:1 x y']]]);
    const planned = plan(source, { triggers, buildArgs: { Z: '1' } });
    assert.deepEqual(shape(planned), [
      [0, image('a'), []],
      [1, image('base'), [0]],
    ]);
    assert.deepEqual(planned.stages[1]?.sources, [{ kind: 'image', reference: 'other:1', platform: amd64 }]);
    assert.deepEqual(planned.unusedBuildArgs, []);
  });
});

describe('stages that cannot be', () => {
  const table: readonly (readonly [name: string, source: string, message: RegExp])[] = [
    ['copy from themselves', 'FROM a AS x\nCOPY --from=x 1 2', /circular dependency detected on stage: x/],
    ['copy from each other', 'FROM a AS x\nCOPY --from=1 1 2\nFROM b\nCOPY --from=x 1 2', /circular dependency detected on stage: x/],
    ['mount from themselves', 'FROM a\nFROM b AS x\nRUN --mount=from=x,target=/y true', /circular dependency detected on stage: x/],
    ['copy from a later one', 'FROM a\nCOPY --from=x 1 2\nFROM b AS x\nFROM 0', /./],
    ['have a name that no image can have', 'FROM Alpine', /failed to parse stage name "Alpine": invalid reference format/],
    ['copy from a name that no image can have', 'FROM a\nCOPY --from=a//b 1 2', /invalid reference format/],
  ];
  for (const [name, source, message] of table) {
    test(name, () =>
      assert.throws(() => plan(source, { target: '0' }), { message, kind: 'invalid-argument', code: 'BUILD_BAD_DOCKERFILE' }),
    );
  }

  test('copy from a later stage that the target needs', () => {
    assert.throws(
      () => plan('FROM a\nCOPY --from=x 1 2\nFROM b AS x', { target: '0' }),
      /cannot copy from stage "x", it needs to be defined before current stage "stage-0"/,
    );
  });

  test('are many without a limit of depth', () => {
    const many = 3000;
    const source = Array.from(
      { length: many },
      (_none, index) => `FROM a AS s${index}\n${index === 0 ? '' : `COPY --from=s${index - 1} x y\n`}`,
    ).join('');
    assert.equal(plan(source).stages.length, many);
  });
});

describe('a frontend', () => {
  test('may be any version or mirror of Docker’s', () => {
    for (const image of [
      'docker/dockerfile',
      'docker/dockerfile:1.7-labs',
      'mirror:5000/docker/dockerfile:1',
      'docker/dockerfile-upstream:master',
      'docker/dockerfile@sha256:0',
    ]) {
      assert.equal(plan(`# syntax=${image}\nFROM a`).stages.length, 1, image);
    }
  });

  test('of another language is refused by name', () => {
    assert.throws(() => plan('# syntax=docker/dockerfile:1\nFROM a', { buildArgs: { BUILDKIT_SYNTAX: 'x/y' } }), {
      code: 'BUILD_UNKNOWN_FRONTEND',
    });
    for (const image of ['r2d4/mocker', 'docker/dockerfiles:1', 'ghcr.io/reproducible-containers/buildkit-nix:v0.1.0']) {
      assert.throws(
        () => plan(`# syntax=${image}\nFROM a`),
        { kind: 'unimplemented', code: 'BUILD_UNKNOWN_FRONTEND', message: new RegExp(image) },
        image,
      );
    }
  });
});
