import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import type { ImageView } from '../model.ts';
import { imageViewWith } from '../fixtures/records.ts';
import { filterImages as filter, type ImageTimes } from './filter.ts';

const images = [
  imageViewWith({ names: ['busybox:latest', 'busybox:1.37'], id: 'i1', createdAtNs: 1n, labels: { from: 'template', 'a.b': '' } }),
  imageViewWith({ names: ['debian:trixie-systemd'], id: 'i2', createdAtNs: 2n, kind: 'system', labels: { from: 'template' } }),
  imageViewWith({ names: ['registry.example:5000/team/app:v1.2'], id: 'i3', createdAtNs: 3n }),
  imageViewWith({ names: [], id: 'i4', createdAtNs: 4n }),
];

const times: ImageTimes = {
  momentsOf: (ref) => [images.find(({ id, names }) => id === ref || names.includes(ref))?.createdAtNs ?? 0n, 0n],
  nowNs: 3_600_000_000_002n,
};
const filterImages = (views: readonly ImageView[], filters: Record<string, string[]>): ImageView[] => filter(views, filters, times);

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
    [{ before: ['debian:trixie-systemd'] }, [1n]],
    [{ since: ['debian:trixie-systemd'] }, [4n, 3n]],
    [{ since: ['busybox:1.37'], before: ['registry.example:5000/team/app:v1.2'] }, [2n]],
    [{ until: ['1h'] }, [1n]],
    [{ until: ['1970-01-01T00:00:00.000000003Z'] }, [2n, 1n]],
    [{ kind: ['system'] }, [2n]],
    [{ kind: ['system'], label: ['a.b'] }, []],
  ];
  for (const [filters, found] of cases) {
    test(`${JSON.stringify(filters)} shows ${found.join(', ') || 'none'}`, () => assert.deepEqual(shown(filters), found));
  }

  test('before and since tell images that were made at once apart by when they came here', () => {
    const views = ['first', 'second', 'third'].map((id) => imageViewWith({ id, names: [id], createdAtNs: 7n }));
    const found = (filters: Record<string, string[]>): string[] =>
      filter(views, filters, { ...times, momentsOf: (ref) => [7n, BigInt(views.findIndex(({ id }) => id === ref))] }).map(({ id }) => id);
    assert.deepEqual([found({ since: ['first'] }), found({ before: ['second'] })], [['third', 'second'], ['first']]);
  });

  test('text that means something in a regular expression only is plain text in a reference', () => {
    const odd = ['a+b:c', 'aab:c', 'a(b:c', 'a{2}:c', 'a\\db:c', 'a[b:c', 'a]b:c'].map((name) => imageViewWith({ names: [name] }));
    for (const image of odd) assert.deepEqual(filterImages(odd, { reference: [image.names[0] ?? ''] }), [image]);
  });

  test('an image that is asked for by reference is shown with the names that fit', () => {
    const image = imageViewWith({ names: ['a:1', 'b:1', 'b:2'], digests: ['a@sha256:0', 'b@sha256:0'] });
    assert.deepEqual(filterImages([image], { reference: ['b:1'] }), [{ ...image, names: ['b:1'], digests: ['b@sha256:0'] }]);
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
