import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { imageViewWith } from '../fixtures/records.ts';
import { filterImages } from './filter.ts';

const images = [
  imageViewWith({ names: ['busybox:latest', 'busybox:1.37'], createdAtNs: 1n, labels: { from: 'template', 'a.b': '' } }),
  imageViewWith({ names: ['debian:trixie-systemd'], createdAtNs: 2n, kind: 'system', labels: { from: 'template' } }),
  imageViewWith({ names: ['registry.example:5000/team/app:v1.2'], createdAtNs: 3n }),
  imageViewWith({ names: [], createdAtNs: 4n }),
];

function shown(filters: Record<string, string[]>): bigint[] {
  return filterImages(images, filters).map((image) => image.createdAtNs);
}

describe('images', () => {
  const cases: readonly [filters: Record<string, string[]>, shown: bigint[]][] = [
    [{}, [4n, 3n, 2n, 1n]],
    [{ reference: ['busybox'] }, [1n]],
    [{ reference: ['busybox:1.*'] }, [1n]],
    [{ reference: ['busybox:1?37'] }, [1n]],
    [{ reference: ['busybox:1.3'] }, []],
    [{ reference: ['busy'] }, []],
    [{ reference: ['busybox', 'debian'] }, [2n, 1n]],
    [{ reference: ['*'] }, [2n, 1n]],
    [{ reference: ['*:latest'] }, [1n]],
    [{ reference: ['registry.example:5000/team/app'] }, [3n]],
    [{ reference: ['registry.example:5000/*/app:v1.2'] }, [3n]],
    [{ reference: ['registry.example:5000/*:v1.2'] }, []],
    [{ reference: ['registry-example:5000/team/app'] }, []],
    [{ label: ['from'] }, [2n, 1n]],
    [{ label: ['from=template', 'a.b='] }, [1n]],
    [{ label: ['toString'] }, []],
    [{ dangling: ['true'] }, [4n]],
    [{ dangling: ['1'] }, [4n]],
    [{ dangling: ['false'] }, [3n, 2n, 1n]],
    [{ kind: ['system'] }, [2n]],
    [{ kind: ['system'], label: ['a.b'] }, []],
  ];
  for (const [filters, found] of cases) {
    test(`${JSON.stringify(filters)} shows ${found.join(', ') || 'none'}`, () => assert.deepEqual(shown(filters), found));
  }

  test('text that means something in a regular expression only is plain text in a reference', () => {
    const odd = ['a+b:c', 'aab:c', 'a(b:c', 'a{2}:c', 'a\\db:c', 'a[b:c', 'a]b:c'].map((name) => imageViewWith({ names: [name] }));
    for (const image of odd) assert.deepEqual(filterImages(odd, { reference: [image.names[0] ?? ''] }), [image]);
  });

  test('a set of characters matches one of them, or one that is not among them', () => {
    const tags = ['app:1', 'app:2', 'app:^'].map((name) => imageViewWith({ names: [name] }));
    const found = (pattern: string): string[] =>
      filterImages(tags, { reference: [pattern] })
        .flatMap((image) => image.names)
        .sort();
    assert.deepEqual(found('app:[12]'), ['app:1', 'app:2']);
    assert.deepEqual(found('app:[0-9]'), ['app:1', 'app:2']);
    assert.deepEqual(found('app:[^1]'), ['app:2', 'app:^']);
    assert.deepEqual(found('app:[2^]'), ['app:2', 'app:^']);
  });

  test('a reference that is no pattern is refused, named', () => {
    assert.throws(
      () => filterImages(images, { reference: ['app:[z-a]'] }),
      (error: unknown) => isOrlopError(error, 'invalid-argument') && error.message === "invalid filter 'reference=app:[z-a]'",
    );
  });

  test('an unknown filter is refused, named', () => {
    assert.throws(
      () => filterImages(images, { colour: ['red'] }),
      (error: unknown) => isOrlopError(error, 'invalid-argument') && error.message === "invalid filter 'colour'",
    );
  });
});
