import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseShortMount, type MountWish } from '#wire';
import { parseVolumesFrom, planContainerMounts, type MountSources } from './plan-mounts.ts';
import type { ResolvedMount } from './resolved-mount.ts';

function plan(change: Partial<MountSources>): ResolvedMount[] {
  let made = 0;
  return planContainerMounts({
    wishes: [],
    inherited: [],
    volumes: [],
    tmpfs: [],
    images: new Map(),
    createName: () => `made${++made}`,
    pathOf: (name) => `/volumes/${name}`,
    ...change,
  });
}

/** As `type source target`, with what a mount has besides. */
function shown(mounts: readonly ResolvedMount[]): string[] {
  return mounts.map(({ type, source, target, readOnly, isAnonymous }) =>
    [type, source, target, ...(readOnly ? ['ro'] : []), ...(isAnonymous === true ? ['anonymous'] : [])].join(' '),
  );
}

const inherited: readonly ResolvedMount[] = [
  { type: 'volume', source: 'old', target: '/a', readOnly: false, shortOptions: '', inherited: true },
  { type: 'bind', source: '/host', target: '/b', readOnly: true, shortOptions: '', inherited: true },
];

describe('what a container mounts where', () => {
  const tables: readonly [string, Partial<MountSources>, string[]][] = [
    ['nothing', {}, []],
    ['places are cleaned', { wishes: [parseShortMount('/x//y/../z/:/a/./b/')] }, ['bind /x/z /a/b']],
    [
      'by depth, so that none hides another',
      { wishes: ['/1:/a/b/c', '/2:/a', '/3:/a/b'].map(parseShortMount) },
      ['bind /2 /a', 'bind /3 /a/b', 'bind /1 /a/b/c'],
    ],
    ['what others mount', { inherited }, ['volume old /a', 'bind /host /b ro']],
    [
      'what is asked for goes before what others mount',
      { inherited, wishes: [parseShortMount('new:/a')] },
      ['volume new /a', 'bind /host /b ro'],
    ],
    [
      'volumes of the image where nothing else is',
      { inherited, volumes: ['/a', '/c/'] },
      ['volume old /a', 'bind /host /b ro', 'volume made1 /c anonymous'],
    ],
    ['a tmpfs keeps a volume of the image away', { tmpfs: ['/c/'], volumes: ['/c'] }, []],
    ['a bare place is an anonymous volume', { wishes: [parseShortMount('/c')] }, ['volume made1 /c anonymous']],
    [
      'later containers go before earlier ones',
      { inherited: [...inherited, { ...inherited[0], source: 'later' } as ResolvedMount] },
      ['volume later /a', 'bind /host /b ro'],
    ],
  ];
  for (const [name, sources, expected] of tables) test(name, () => assert.deepEqual(shown(plan(sources)), expected));

  const refused: readonly [string, Partial<MountSources>, RegExp][] = [
    ['two wishes for one place', { wishes: ['/1:/a', 'v:/a/'].map(parseShortMount) }, /^Duplicate mount point: \/a$/],
    ['a wish and a tmpfs for one place', { wishes: [parseShortMount('/1:/a')], tmpfs: ['/a'] }, /^Duplicate mount point: \/a$/],
    ['a volume of the image without an absolute place', { volumes: ['a'] }, /mount path must be absolute/],
    [
      'more mounts than a start can take along',
      { wishes: Array.from({ length: 201 }, (_, at) => parseShortMount(`/x:/${at}`)) },
      /at most 200 mounts, not 201$/,
    ],
    ['a volume of the image on the root', { volumes: ['/'] }, /destination can't be '\/'/],
  ];
  for (const [name, sources, message] of refused) {
    test(`${name} is refused`, () => assert.throws(() => plan(sources), { kind: 'invalid-argument', message }));
  }

  test('a bind is recursive and private unless it says otherwise', () => {
    const wishes: MountWish[] = [
      { type: 'bind', source: '/1', target: '/a', readOnly: true },
      { type: 'bind', source: '/2', target: '/b', nonRecursive: true, propagation: 'slave', readOnly: true, recursiveReadOnly: 'no' },
    ];
    const [usual, unusual] = plan({ wishes });
    assert.deepEqual([usual?.recursive, usual?.propagation, usual?.shallowReadOnly], [true, 'rprivate', undefined]);
    assert.deepEqual([unusual?.recursive, unusual?.propagation, unusual?.shallowReadOnly], [false, 'slave', true]);
  });

  test('a named volume, and one of the long form, shows the mode z, as with Docker', () => {
    assert.deepEqual(
      plan({ wishes: [...['v:/a', 'v:/b:ro'].map(parseShortMount), { type: 'volume', target: '/d' }], volumes: ['/c'] }).map(
        ({ target, shortOptions }) => `${target} ${shortOptions}`,
      ),
      ['/a z', '/b ro', '/d z', '/c '],
    );
  });

  test('the driver that is asked for is that of anonymous volumes too', () => {
    assert.deepEqual(
      plan({ volumes: ['/a'], volumeDriver: 'cloud' }).map(({ driver }) => driver),
      ['cloud'],
    );
  });
});

describe('volumes of other containers', () => {
  for (const [text, ref, readOnly] of [
    ['web', 'web', false],
    ['web:rw', 'web', false],
    ['web:ro', 'web', true],
    ['web:ro,z', 'web', true],
    ['container:web:ro', 'web', true],
  ] as const)
    test(text, () => assert.deepEqual(parseVolumesFrom(text), { ref, readOnly }));

  for (const text of ['', ':ro', 'web:nocopy', 'web:rslave', 'web:ro:rw'])
    test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => parseVolumesFrom(text), { kind: 'invalid-argument' }));
});
