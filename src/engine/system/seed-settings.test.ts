import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isOrlopError } from '#errors';
import { checkSeedSetting, parseMapping } from './seed-settings.ts';

describe('what cloud-init is told', () => {
  const good = [
    ['cloud-init.user-data', '#cloud-config\nruncmd: [true]\n'],
    ['cloud-init.user-data', '#cloud-config\n'],
    ['cloud-init.user-data', '#!/bin/sh\n: not yaml: [\n'],
    ['cloud-init.user-data', '## template: jinja\n#cloud-config\n{% if x %}'],
    ['cloud-init.meta-data', 'role: db'],
    ['cloud-init.network-config', 'version: 2\nethernets: {}'],
  ] as const;
  for (const [name, text] of good) it(`may be ${JSON.stringify(text)} as ${name}`, () => checkSeedSetting(name, text));

  const bad = [
    ['cloud-init.user-data', '#cloud-config\nruncmd: [true\n', /line 2|line 3/],
    ['cloud-init.user-data', '#cloud-config\na: 1\na: 2\n', /unique/],
    ['cloud-init.user-data', '#cloud-config\n- a\n', /not a mapping/],
    ['cloud-init.user-data', 'runcmd: [true]\n', /begins with none/],
    ['cloud-init.user-data', '#cloud-configuration\n[', /begins with none|line/],
    ['cloud-init.meta-data', '[1]', /not a mapping/],
    ['cloud-init.network-config', 'text', /not a mapping/],
  ] as const;
  for (const [name, text, why] of bad) {
    it(`is refused as ${name} when it is ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => checkSeedSetting(name, text),
        (error) => isOrlopError(error, 'invalid-argument') && why.test(error.message) && error.message.startsWith(name),
      );
    });
  }

  it('does not grow by aliases of aliases', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let depth = 1; depth < 9; depth++)
      lines.push(`a${depth}: &a${depth} [${Array.from({ length: 10 }, () => `*a${depth - 1}`).join(', ')}]`);
    assert.throws(
      () => parseMapping('cloud-init.meta-data', lines.join('\n')),
      (error) => isOrlopError(error, 'invalid-argument'),
    );
  });
});
