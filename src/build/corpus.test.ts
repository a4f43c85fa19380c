import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parsePlatform } from '#oci';
import { type CompiledStage, checkDockerfile, compileStage, type Dockerfile, parseDockerfile, planStages, scratchConfig } from './index.ts';
import { formatDockerfile } from './testing/format.ts';

const folder = join(import.meta.dirname, 'fixtures');
const corpus = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const);
const amd64 = parsePlatform('linux/amd64');
const options = { buildArgs: {}, platform: amd64, buildPlatform: amd64, namedContexts: [] };

/** All stages, each on an empty image where it has one. */
function compileAll(file: Dockerfile): CompiledStage[] {
  return file.stages.map(({ index }) => {
    const plan = planStages(file, { ...options, target: String(index) });
    const compiled: CompiledStage[] = [];
    for (const [position, { base }] of plan.stages.entries()) {
      const below = base.kind === 'stage' ? compiled[base.position] : undefined;
      compiled.push(compileStage(plan, position, below ?? scratchConfig(amd64)));
    }
    return compiled.at(-1) as CompiledStage;
  });
}

/** An escape character at the end of a joined line would join the next one to it when printed. */
function endsInside({ stages, globalArgs, directives: { escape } }: Dockerfile): boolean {
  return [...globalArgs, ...stages.flatMap(({ from, instructions }) => [from, ...instructions])].some(({ source }) =>
    source.endsWith(escape),
  );
}

/** What a file means, without where and how it is written. */
function meaning(file: Dockerfile): unknown {
  return JSON.parse(
    JSON.stringify({ ...file, text: '', emptyContinuations: [] }, (key, value: unknown) =>
      key === 'lines' || key === 'comments' ? undefined : value,
    ),
  );
}

describe('a corpus of Dockerfiles', () => {
  for (const [name, text] of corpus) {
    test(`${name} is read, planned, compiled and checked`, () => {
      const file = parseDockerfile(text);
      const steps = compileAll(file).map((stage) => stage.steps.length);
      assert.deepEqual(
        steps.map((count) => count > 0),
        file.stages.map(() => true),
      );
      assert.ok(checkDockerfile(file, options).length > 0);
    });

    test(`${name} means the same when it is printed and read again`, () => {
      const file = parseDockerfile(text);
      assert.deepEqual(meaning(parseDockerfile(formatDockerfile(file))), meaning(file));
    });
  }

  test('cut, joined and mangled means something or is refused in a sentence', () => {
    const lines = corpus.flatMap(([, text]) => text.split(/(?<=\n)/));
    const junk = fc.constantFrom(
      '\\\n',
      '<<',
      '"',
      "'",
      '$',
      '${',
      '}',
      '[',
      '"]',
      '--',
      '=',
      ' ',
      '\t',
      '\r',
      '\0',
      '\ud800',
      'FROM x\n',
      'ONBUILD ',
    );
    const piece = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...lines) }, junk, fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          const file = parseDockerfile(`FROM base\n${pieces.join('')}`);
          if (!endsInside(file)) assert.deepEqual(meaning(parseDockerfile(formatDockerfile(file))), meaning(file));
          compileAll(file);
          checkDockerfile(file, options);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), error instanceof Error ? error.stack : String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('of any size is read in time that grows with its length only', () => {
    const texts = [
      `FROM a\n${'RUN x\n'.repeat(9_999)}`,
      `FROM a\n${'ARG a=b\n'.repeat(9_999)}`,
      `FROM a\n${Array.from({ length: 9_999 }, (_none, index) => `LABEL a${index}=b\n`).join('')}`,
      `FROM a\n${Array.from({ length: 9_999 }, (_none, index) => `ENV a${index}=b\n`).join('')}`,
      `FROM a\n${'ENV A=$A$A.\n'.repeat(20)}${Array.from({ length: 1000 }, (_none, index) => `ENV a${index}=$A\n`).join('')}`,
      `FROM a\n${'# comment\n'.repeat(200_000)}RUN x`,
      `FROM a\nRUN x ${'\\\n# c\n'.repeat(100_000)} y`,
      `FROM a\nENV ${'a=b '.repeat(15_000)}`,
      `FROM a\nRUN ${'<<a '.repeat(15_000)}\n${'a\n'.repeat(15_000)}`,
      `FROM a\nRUN ${'['.repeat(60_000)}`,
      `FROM a\n${'ONBUILD '.repeat(8000)}`,
      `FROM a\nLABEL x=${'${a:-'.repeat(10_000)}`,
      `FROM a\nRUN ${"'".repeat(60_001)} <<E`,
    ];
    for (const text of texts) {
      try {
        compileAll(parseDockerfile(text));
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument'), error instanceof Error ? error.stack : String(error));
      }
    }
  });
});
