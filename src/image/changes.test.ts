import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseChanges } from './changes.ts';

describe('changes', () => {
  const cases: readonly [string, object][] = [
    ['CMD ["a", "b c"]', { Cmd: ['a', 'b c'] }],
    ['cmd echo "hi there"', { Cmd: ['/bin/sh', '-c', 'echo "hi there"'] }],
    ['ENTRYPOINT ["/init"]', { Entrypoint: ['/init'] }],
    ['ENTRYPOINT [not json', { Entrypoint: ['/bin/sh', '-c', '[not json'] }],
    [`ENV A=b "C D"='e f' G=h\\ i J=`, { Env: ['A=b', 'C D=e f', 'G=h i', 'J='] }],
    ['ENV A some words', { Env: ['A=some words'] }],
    ['EXPOSE 80 53/udp 8000-8010/TCP', { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000-8010/tcp': {} } }],
    ['LABEL a=1 b="two words"', { Labels: { a: '1', b: 'two words' } }],
    ['VOLUME ["/a b", "/c"]', { Volumes: { '/a b': {}, '/c': {} } }],
    ['VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
    ['WORKDIR /srv\nWORKDIR app', { WorkingDir: '/srv/app' }],
    ['USER 1000:1000', { User: '1000:1000' }],
    ['STOPSIGNAL SIGRTMIN+3', { StopSignal: 'SIGRTMIN+3' }],
    ['HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    ['HEALTHCHECK --interval=1m30s --retries=2 CMD a && b', { Healthcheck: { Interval: 90e9, Retries: 2, Test: ['CMD-SHELL', 'a && b'] } }],
    ['HEALTHCHECK CMD ["a", "b c"]', { Healthcheck: { Test: ['CMD', 'a', 'b c'] } }],
    ['ONBUILD RUN make', { OnBuild: ['RUN make'] }],
  ];
  for (const [change, config] of cases) it(`${change} sets the config`, () => assert.deepEqual(parseChanges([change]), config));

  it('add up; a later value of a variable takes the place of the earlier', () => {
    assert.deepEqual(parseChanges(['ENV A=1 B=2', 'ENV A=3', '', 'CMD ["x"]']), { Env: ['A=3', 'B=2'], Cmd: ['x'] });
  });

  for (const change of [
    'RUN x',
    'CMD',
    'ENV A',
    'ENV =x',
    'ENV A="b',
    'EXPOSE web',
    'EXPOSE 70000',
    'constructor x',
    'LABEL a b=c'.replace(' b=c', ''),
  ]) {
    it(`${change} is refused by name`, () => {
      assert.throws(
        () => parseChanges([change]),
        (error) =>
          isOrlopError(error, 'invalid-argument') &&
          error.code === 'IMAGE_BAD_CHANGE' &&
          error.message.includes(change.split(' ')[0] ?? ''),
      );
    });
  }

  it('either mean something or are refused, whatever they say', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('CMD', 'ENV', 'EXPOSE', 'LABEL', 'VOLUME', ''),
        fc.string({ unit: 'grapheme', maxLength: 40 }),
        (name, rest) => {
          try {
            parseChanges([`${name} ${rest}`]);
          } catch (error) {
            assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
          }
        },
      ),
    );
  });
});
