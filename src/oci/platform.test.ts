import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { formatPlatform, parsePlatform, platformOfNodeArch, rankPlatform } from './platform.ts';

test('platforms have one spelling', () => {
  const spellings = {
    'linux/amd64': 'linux/amd64',
    x86_64: 'linux/amd64',
    'Linux/AMD64/v1': 'linux/amd64',
    aarch64: 'linux/arm64',
    'linux/arm64/v8': 'linux/arm64',
    'linux/arm/7': 'linux/arm/v7',
    armhf: 'linux/arm/v7',
    'linux/arm/v6': 'linux/arm/v6',
    'linux/amd64/v3': 'linux/amd64/v3',
  };
  for (const [text, expected] of Object.entries(spellings)) assert.equal(formatPlatform(parsePlatform(text)), expected, text);
  assert.equal(formatPlatform(platformOfNodeArch('x64')), 'linux/amd64');
});

test('nonsense is refused', () => {
  for (const text of ['', 'a/b/c/d', 'linux/', 'linux/am d64', '/amd64']) {
    assert.throws(
      () => parsePlatform(text),
      (error) => isOrlopError(error, 'invalid-argument'),
      text,
    );
  }
});

test('an image for an older variant runs on a newer machine, not the reverse', () => {
  const machine = parsePlatform('linux/amd64/v2');
  assert.ok(rankPlatform(machine, parsePlatform('linux/amd64')) > 0);
  assert.ok(rankPlatform(machine, parsePlatform('linux/amd64/v2')) > rankPlatform(machine, parsePlatform('linux/amd64')));
  assert.equal(rankPlatform(machine, parsePlatform('linux/amd64/v3')), 0);
  assert.equal(rankPlatform(machine, parsePlatform('linux/386')), 0);
});
