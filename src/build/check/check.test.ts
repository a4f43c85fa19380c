import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePlatform } from '#oci';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { parseIgnoreFile } from '#ignore';
import { checkDockerfile, type CheckOptions } from './check.ts';
import { enforceChecks, parseCheckSettings, readCheckSettings } from './settings.ts';

const amd64 = parsePlatform('linux/amd64');
const everything = parseCheckSettings('experimental=all');
const base = { os: 'linux', architecture: 'amd64' };

function check(source: string, options: Partial<CheckOptions> = {}): string[] {
  const given = {
    buildArgs: {},
    platform: amd64,
    buildPlatform: amd64,
    namedContexts: [],
    settings: everything,
    bases: new Map([['a', base]]),
  };
  return checkDockerfile(parseDockerfile(source), { ...given, ...options }).map(
    ({ rule, message, lines }) => `${lines.first} ${rule}: ${message}`,
  );
}

describe('each rule', () => {
  const table: readonly (readonly [bad: string, finding: string, good: string])[] = [
    ['FROM a AS Base', "1 StageNameCasing: Stage name 'Base' should be lowercase", 'FROM a AS base'],
    ['FROM a as b', "1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match", 'FROM a AS b'],
    ['FROM a\nRUN x \\\n\n y', '4 NoEmptyContinuation: Empty continuation line', 'FROM a\nRUN x \\\n# y\n y'],
    [
      'FROM a\nRun x\nUSER y',
      "2 ConsistentInstructionCasing: Command 'Run' should match the case of the command majority (uppercase)",
      'from a\nrun x',
    ],
    [
      'from a\nRUN x\nuser y',
      "2 ConsistentInstructionCasing: Command 'RUN' should match the case of the command majority (lowercase)",
      'FROM a',
    ],
    [
      'FROM a AS b\nFROM a AS b',
      '2 DuplicateStageName: Duplicate stage name "b", stage names should be unique',
      'FROM a AS b\nFROM a AS c',
    ],
    ['FROM a AS scratch', '1 ReservedStageName: Stage name should not use the same name as reserved stage "scratch"', 'FROM a AS s'],
    [
      'FROM a\nCMD x',
      '2 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      'FROM a\nSHELL ["sh"]\nCMD x\nENTRYPOINT x',
    ],
    ['FROM a\nMAINTAINER me', '2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label', 'FROM a\nLABEL me=1'],
    [
      'ARG NAME=a\nFROM a$NAM',
      "2 UndefinedArgInFrom: FROM argument 'NAM' is not declared (did you mean NAME?)",
      'ARG NAME\nFROM a$NAME$TARGETARCH',
    ],
    [
      'FROM a\nWORKDIR b\nWORKDIR c',
      '2 WorkdirRelativePath: Relative workdir "b" can have unexpected results if the base image changes',
      'FROM a AS b\nWORKDIR /b\nFROM b\nWORKDIR c',
    ],
    [
      'FROM a\nENV ABC=1\nLABEL x=$ABD',
      "3 UndefinedVar: Usage of undefined variable '$ABD' (did you mean $ABC?)",
      'FROM a\nARG A\nLABEL x=$A$PATH',
    ],
    [
      'FROM a\nCMD ["x"]\nCMD ["y"]',
      '2 MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only the last one will be used',
      'FROM a AS b\nCMD ["x"]\nFROM b\nCMD ["y"]',
    ],
    [
      'FROM a\nENV b c',
      '2 LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format',
      'FROM a\nENV b=c',
    ],
    [
      'FROM --platform=$TARGETPLATFORM a',
      '1 RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
      'FROM --platform=$BUILDPLATFORM a',
    ],
    [
      'FROM a\nARG GITHUB_TOKEN',
      '2 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "GITHUB_TOKEN")',
      'FROM a\nENV PUBLIC_KEY=1 KEYBOARD=2 TOKEN_FILE=/x',
    ],
    [
      'ARG TAG\nFROM a:$TAG',
      '2 InvalidDefaultArgInFrom: Default value for ARG a:$TAG results in empty or invalid base image name',
      'ARG TAG=1\nFROM a:$TAG',
    ],
    [
      'FROM --platform=linux/amd64 a AS b',
      '1 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "linux/amd64"',
      'FROM --platform=linux/amd64 a AS b-amd64',
    ],
    [
      'FROM a\n# this is b\nARG b\n',
      '3 InvalidDefinitionDescription: Comment for ARG should follow the format: `# b <description>`',
      '# b is a\nFROM a AS b\n# about\n#\nARG c\n# d is d\nARG d',
    ],
    [
      'FROM a\nEXPOSE 80/TcP',
      "2 ExposeProtoCasing: Defined protocol '80/TcP' in EXPOSE instruction should be lowercase",
      'FROM a\nEXPOSE 80/tcp',
    ],
    [
      'FROM a\nEXPOSE 127.0.0.1:80:80',
      "2 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
      'FROM a\nEXPOSE 80-81',
    ],
  ];
  const buildArgs = { TAG: '1' };
  for (const [bad, finding, good] of table) {
    test(finding.replace(/^\d+ (\w+):.*/, '$1'), () => {
      assert.deepEqual(check(bad, { buildArgs }), [finding]);
      assert.deepEqual(check(good, { buildArgs }), []);
    });
  }

  test('CopyIgnoredFile', () => {
    const ignore = parseIgnoreFile('tmp');
    assert.deepEqual(check('FROM a\nCOPY ./tmp/x /', { ignore }), [
      '2 CopyIgnoredFile: Attempting to Copy file "tmp/x" that is excluded by .dockerignore',
    ]);
    assert.deepEqual(check('FROM a\nCOPY ./x /\nCOPY --from=a tmp /', { ignore }), []);
  });

  test('InvalidBaseImagePlatform', () => {
    const bases = new Map([['a', { os: 'linux', architecture: 'arm64' }]]);
    assert.deepEqual(check('FROM a', { bases }), [
      '1 InvalidBaseImagePlatform: Base image a was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
    ]);
  });
});

describe('findings', () => {
  test('are of all stages, or of what the target needs, each once', () => {
    const source = 'FROM a AS x\nCMD x\nFROM a AS y\nCMD y\nFROM x AS z\nCOPY --from=x 1 2\n';
    assert.deepEqual(
      check(source).map((each) => each[0]),
      ['2', '4'],
    );
    assert.deepEqual(
      check(source, { target: 'z' }).map((each) => each[0]),
      ['2'],
    );
  });

  test('are silent about variables where the base is unknown', () => {
    assert.deepEqual(check('FROM b\nLABEL x=$Y'), []);
    assert.deepEqual(check('FROM scratch\nLABEL x=$Y').length, 1);
  });

  test('are chosen by the file, and experimental ones only on request', () => {
    const source = '# check=skip=StageNameCasing, FromAsCasing;error=true\nFROM a as B\n# x\nARG c\nMAINTAINER d';
    const file = parseDockerfile(source);
    const options = { buildArgs: {}, platform: amd64, buildPlatform: amd64, namedContexts: [] };
    const found = checkDockerfile(file, options);
    assert.deepEqual(
      found.map(({ rule, url }) => [rule, url]),
      [['MaintainerDeprecated', 'https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/']],
    );
    const settings = parseCheckSettings(file.directives.check);
    assert.throws(() => enforceChecks(found, settings), {
      message: 'lint violation found for rules: MaintainerDeprecated',
      code: 'BUILD_CHECKS_FAILED',
    });
    assert.doesNotThrow(() => enforceChecks([], settings));
    assert.deepEqual(checkDockerfile(parseDockerfile('# check=skip=all\nFROM a AS B'), options), []);
  });

  test('are chosen by build arguments before the file', () => {
    const file = parseDockerfile('# check=skip=all\nFROM a AS B\n# x\nARG c');
    const rules = (buildArgs: Record<string, string>): unknown =>
      checkDockerfile(file, { buildArgs, platform: amd64, buildPlatform: amd64, namedContexts: [] }).map(({ rule }) => rule);
    assert.deepEqual(rules({}), []);
    assert.deepEqual(rules({ BUILDKIT_DOCKERFILE_CHECK: '' }), ['StageNameCasing']);
    assert.deepEqual(rules({ BUILDKIT_DOCKERFILE_CHECK: 'skip=all;experimental=all' }), ['InvalidDefinitionDescription']);
    assert.deepEqual(rules({ BUILDKIT_DOCKERFILE_CHECK: 'skip=StageNameCasing', BUILDKIT_DOCKERFILE_CHECK_EXPERIMENTAL: 'all' }), [
      'InvalidDefinitionDescription',
    ]);
    assert.equal(readCheckSettings(file, { BUILDKIT_DOCKERFILE_CHECK: 'error=true' }).failOnWarnings, true);
  });

  test('have the addresses of Docker’s pages', () => {
    const url = checkDockerfile(parseDockerfile('FROM a\nCMD x'), {
      buildArgs: {},
      platform: amd64,
      buildPlatform: amd64,
      namedContexts: [],
    })[0]?.url;
    assert.equal(url, 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/');
  });

  test('are refused settings that mean nothing', () => {
    for (const text of ['skip', 'error=maybe', 'foo=1']) assert.throws(() => parseCheckSettings(text), { code: 'BUILD_BAD_CHECK' }, text);
  });
});
