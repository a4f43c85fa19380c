import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseEngineArguments, usage, type EngineArguments } from './arguments.ts';
import type { FlagValues } from './flags.ts';

const defaults: EngineArguments = {
  dataRoot: '/var/lib/orlop',
  execRoot: '/run/orlop',
  hosts: ['unix:///run/orlop/orlop.sock'],
  group: 'orlop',
  tls: null,
  pidfile: null,
  registry: null,
  logLevel: 'info',
  sandboxesReady: 4,
  registriesFile: null,
  remotesFile: null,
  templatesDirectory: '/etc/orlop/templates',
  storageDriver: 'overlay',
  publishAddresses: ['0.0.0.0', '::'],
  logging: { driver: 'json-file', options: {} },
  embedded: false,
  removeAtEnd: null,
  cdiDirectories: ['/etc/cdi', '/var/run/cdi'],
  show: null,
};

describe('the command line of the engine', () => {
  const cases: readonly [argv: string[], changed: Partial<EngineArguments>][] = [
    [[], {}],
    [['--data-root', '/srv/orlop'], { dataRoot: '/srv/orlop' }],
    [['--data-root=/srv/orlop//'], { dataRoot: '/srv/orlop' }],
    [['--exec-root', '/run/other'], { execRoot: '/run/other', hosts: ['unix:///run/other/orlop.sock'] }],
    [['-H', 'unix:///tmp/a'], { hosts: ['unix:///tmp/a'] }],
    [['--host', 'unix:///tmp/a', '-Hunix:///tmp/b'], { hosts: ['unix:///tmp/a', 'unix:///tmp/b'] }],
    [['-G', 'wheel'], { group: 'wheel' }],
    [
      ['-H', 'tcp://127.0.0.1:2376', '--tlsverify', '--tlscacert', '/a', '--tlskey=/k'],
      { hosts: ['tcp://127.0.0.1:2376'], tls: { ca: '/a', cert: '/etc/orlop/tls/cert.pem', key: '/k' } },
    ],
    [['--pidfile', '/run/orlopd.pid'], { pidfile: '/run/orlopd.pid' }],
    [['--log-level', 'debug'], { logLevel: 'debug' }],
    [['--sandboxes', '0'], { sandboxesReady: 0 }],
    [['--sandboxes=64'], { sandboxesReady: 64 }],
    [['--registries', '/etc/r.json'], { registriesFile: '/etc/r.json' }],
    [['--remotes', '/srv/r.json'], { remotesFile: '/srv/r.json' }],
    [['--templates', '/srv/templates/'], { templatesDirectory: '/srv/templates' }],
    [['--storage-driver', 'native'], { storageDriver: 'native' }],
    [['--publish-address', '127.0.0.1', '--publish-address=::1'], { publishAddresses: ['127.0.0.1', '::1'] }],
    [['--log-driver', 'local'], { logging: { driver: 'local', options: {} } }],
    [['--log-opt', 'max-size=1m', '--log-opt=tag=a=b'], { logging: { driver: 'json-file', options: { 'max-size': '1m', tag: 'a=b' } } }],
    [['--embedded'], { embedded: true }],
    [
      ['--embedded', '--remove-at-end=/tmp/e/', '--data-root=/tmp/e/data', '--exec-root=/tmp/e/x'],
      { embedded: true, removeAtEnd: '/tmp/e', dataRoot: '/tmp/e/data', execRoot: '/tmp/e/x', hosts: ['unix:///tmp/e/x/orlop.sock'] },
    ],
    [['-h'], { show: 'help' }],
    [['--help', '--version'], { show: 'help' }],
    [['-v'], { show: 'version' }],
  ];
  for (const [argv, changed] of cases) {
    test(JSON.stringify(argv.join(' ')), () => assert.deepEqual(parseEngineArguments(argv), { ...defaults, ...changed }));
  }

  const wrong: readonly [argv: string[], names: string][] = [
    [['--data-root', 'data'], '--data-root data'],
    [['--remove-at-end=/run'], '--remove-at-end is for'],
    [['--embedded', '--remove-at-end=/run'], '--remove-at-end /run does not hold'],
    [['--embedded', '--remove-at-end=/var/lib/..', '--data-root=/var/lib/../a', '--exec-root=/var/lib/../b'], 'does not hold'],
    [['--data-root', ''], '--data-root'],
    [['--exec-root', './run'], '--exec-root ./run'],
    [['--data-root'], '--data-root'],
    [['--log-level', 'loud'], '--log-level loud'],
    [['--log-level', ''], '--log-level'],
    [['--sandboxes', '65'], '--sandboxes 65'],
    [['--sandboxes', 'many'], '--sandboxes many'],
    [['--sandboxes', '-1'], '--sandboxes'],
    [['--sandboxes', '1.5'], '--sandboxes 1.5'],
    [['--sandboxes', ''], '--sandboxes'],
    [['--tls', '-H', 'tcp://127.0.0.1:2376'], '--tls alone'],
    [['--tlscert', '/c'], '--tlscert'],
    [['--tlsverify', '--tlscert', 'c.pem'], '--tlscert c.pem'],
    [['--dataroot', '/x'], '--dataroot'],
    [['--config-file', 'c.yaml'], '--config-file c.yaml'],
    [['--storage-driver', 'zfs'], '--storage-driver zfs'],
    [['--publish-address', 'localhost'], '--publish-address localhost'],
    [['-x'], '-x'],
    [['serve'], 'serve'],
    [['--help=yes'], '--help'],
  ];
  for (const [argv, names] of wrong) {
    test(`${JSON.stringify(argv.join(' '))} is refused, named`, () => {
      assert.throws(
        () => parseEngineArguments(argv),
        (error: unknown) => isOrlopError(error, 'invalid-argument') && error.message.includes(names) && error.hint === 'see orlopd --help',
      );
    });
  }

  test('a flag goes before the configuration file, and lists of both are added up', () => {
    const read = (file: string | null): FlagValues => {
      assert.equal(file, '/etc/x.yaml');
      return { 'log-level': 'warn', sandboxes: '9', host: ['unix:///in-file'], 'log-opt': ['max-size=1m'] };
    };
    const merged = parseEngineArguments(['--config-file', '/etc/x.yaml', '--log-level=debug', '-H', 'unix:///a'], read);
    const hosts = ['unix:///a', 'unix:///in-file'];
    const logging = { driver: 'json-file', options: { 'max-size': '1m' } };
    assert.deepEqual(merged, { ...defaults, logLevel: 'debug', sandboxesReady: 9, hosts, logging });
  });

  test('the default configuration file is asked for, but not by an embedded engine, nor for help', () => {
    const asked: (string | null)[] = [];
    const read = (file: string | null): FlagValues => {
      asked.push(file);
      return {};
    };
    for (const argv of [[], ['--embedded'], ['--help'], ['-v'], ['--embedded', '--config-file=/c']]) parseEngineArguments(argv, read);
    assert.deepEqual(asked, [null, '/c']);
  });

  test('what the file says is checked as flags are', () => {
    assert.throws(() => parseEngineArguments([], () => ({ 'log-level': 'loud' })), /--log-level loud is none of/);
  });

  test('a port without certificates is refused, on loopback too', () => {
    assert.throws(() => parseEngineArguments(['-H', 'tcp://127.0.0.1:2376']), { kind: 'invalid-argument', code: 'HTTP_TCP_REFUSED' });
  });

  test('no words make it fail in another way', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--config-file', '--data-root', '-H', '--', '-', '--sandboxes', '--log-level=', '-hv', '/x'),
    );
    fc.assert(
      fc.property(fc.array(word), (argv) => {
        try {
          const { dataRoot, sandboxesReady } = parseEngineArguments(argv);
          assert.ok(dataRoot.startsWith('/') && sandboxesReady >= 0 && sandboxesReady <= 64);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });
});

test('every flag that the help names exists, and the defaults are those it tells', () => {
  const flags = [...usage.matchAll(/--([a-z-]+)/g)].map((match) => match[1] ?? '');
  assert.ok(flags.length >= 8);
  for (const flag of flags) {
    try {
      parseEngineArguments([`--${flag}`]);
    } catch (error) {
      assert.match(String(error), /argument missing|ambiguous/, `--${flag}`);
    }
  }
  assert.match(usage, /default \/var\/lib\/orlop/);
  assert.match(usage, /default \/run\/orlop/);
  assert.match(usage, /default 4/);
  assert.doesNotMatch(usage, /--tls\n/);
});
