import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseNodes, throwProblems, type Problem } from '../shape/index.ts';
import { checkFile } from './check-file.ts';
import { composeFile, type ComposeFile } from './file.ts';

function read(text: string): ComposeFile {
  const problems: Problem[] = [];
  const [node] = parseNodes(text, 'f.yaml');
  const file =
    node === undefined ? {} : composeFile.read(node, { path: '', directory: '/p', home: '/home/u', problems, places: new Map() });
  throwProblems(problems);
  return file ?? {};
}

function merge(...texts: readonly string[]): unknown {
  return composeFile.print(
    texts.map(read).reduce((base, over) => composeFile.merge(base, over)),
    'yaml',
  );
}

function wanting(...texts: readonly string[]): string[] {
  const file = texts.map(read).reduce((base, over) => composeFile.merge(base, over));
  return checkFile(file, new Map()).map(({ path, message }) => `${path}: ${message}`);
}

describe('what a file lacks', () => {
  const partial = 'services: {a: {image: x, ports: , depends_on: {b: {restart: true}}}}';

  test('is a problem when no other file says it', () =>
    assert.deepEqual(wanting(partial), ['services.a.ports: must be a list', 'services.a.depends_on.b: "condition" is required']));

  test('is taken from another file, before or after it', () => {
    const whole = 'services: {a: {ports: ["80"], depends_on: {b: {condition: service_started}}}}';
    assert.deepEqual(wanting(whole, partial), []);
    assert.deepEqual(wanting(partial, whole), []);
  });

  test('and what resources say too much of is named', () =>
    assert.deepEqual(
      wanting(
        'volumes: {v: {external: true, labels: [a=b]}, w: {external: true, name: x}}\nsecrets: {s: {file: a}, t: {labels: [a=b]}}',
        'secrets: {s: {environment: B}}',
      ),
      [
        'volumes.v: conflicting parameters "external" and "labels" specified',
        'secrets.s: file|environment attributes are mutually exclusive',
        'secrets.t: one of file|environment must be set',
      ],
    ));
});

describe('a Compose file', () => {
  test('is refused with the line and the name of each unknown attribute', () =>
    assert.throws(() => read('services:\n  a:\n    imge: x\n    build: {contxt: .}\n'), {
      kind: 'invalid-argument',
      code: 'COMPOSE_INVALID',
      message:
        'f.yaml:3:5: services.a.imge: there is no attribute "imge"\nf.yaml:4:13: services.a.build.contxt: there is no attribute "contxt"',
    }));

  test('that is no YAML is refused with the line', () =>
    assert.throws(() => read('a: [\nb'), { code: 'COMPOSE_BAD_YAML', message: /^f\.yaml:2:1: / }));

  test('with the same key twice is refused', () =>
    assert.throws(() => read('services: {a: {image: x, image: y}}'), { code: 'COMPOSE_BAD_YAML' }));

  test('whose aliases multiply is stopped', () => {
    const lines = ['x0: &x0 [a, a, a, a, a, a, a, a, a, a]'];
    for (let at = 1; at < 8; at++) lines.push(`x${at}: &x${at} [${Array.from({ length: 10 }, () => `*x${at - 1}`).join(', ')}]`);
    assert.throws(() => read(lines.join('\n')), { code: 'COMPOSE_BAD_YAML', message: /too many aliases/ });
  });

  test('ends in a model or an error of ours, whatever it holds', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), tie('list'), tie('map')),
      list: fc.array(tie('any'), { maxLength: 3 }),
      map: fc.dictionary(
        fc.constantFrom('image', 'build', 'ports', 'volumes', 'networks', 'deploy', 'environment', 'command', 'x-a', 'services'),
        tie('any'),
        { maxKeys: 4 },
      ),
    })).map;
    fc.assert(
      fc.property(value, (service) => {
        try {
          composeFile.print(read(JSON.stringify({ services: { a: service } })), 'json');
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });
});

describe('merging', () => {
  test('drops what is marked !reset, at any depth', () =>
    assert.deepEqual(
      merge(
        'services: {a: {image: x, ports: ["80:80"], environment: {A: 1, B: 2}}, b: {image: y}}',
        'services: {a: {ports: !reset [], environment: {A: !reset null}}, b: !reset {}}',
      ),
      { services: { a: { image: 'x', environment: { B: '2' } } } },
    ));

  test('replaces what is marked !override', () =>
    assert.deepEqual(
      merge(
        'services: {a: {image: x, dns: [1.1.1.1], labels: {a: 1}}}',
        'services: {a: {dns: !override [2.2.2.2], labels: !override {b: 2}}}',
      ),
      { services: { a: { dns: ['2.2.2.2'], image: 'x', labels: { b: '2' } } } },
    ));

  test('gives each file the same result whatever short or long form it uses', () =>
    assert.deepEqual(
      merge(
        'services: {a: {volumes: ["./x:/x"], depends_on: [b]}}',
        'services: {a: {volumes: [{type: volume, source: v, target: /x}], depends_on: {b: {condition: service_healthy}}}}',
      ),
      {
        services: {
          a: {
            depends_on: { b: { condition: 'service_healthy', required: true } },
            volumes: [{ type: 'volume', source: 'v', target: '/x' }],
          },
        },
      },
    ));
});
