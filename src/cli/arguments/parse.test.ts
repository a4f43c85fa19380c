import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { groupSummaries } from '../commands/groups.ts';
import { commandsInGroup, findCommand, listCommands } from '../commands/index.ts';
import { parseGlobalOptions } from '../global-options.ts';
import { formatCommandHelp, formatGroupHelp, formatOverview } from './help.ts';
import { checkPositionals, parseArguments, type Arguments } from './parse.ts';
import type { CommandSpec } from './spec.ts';

function commandNamed(name: string): CommandSpec {
  const found = findCommand(name.split(' '));
  assert.ok(found, name);
  return found.command;
}

const parse = (name: string, ...words: string[]): Arguments => parseArguments(commandNamed(name), words);

describe('the flag grammar', () => {
  test('takes values behind =, behind a space, and stuck to a letter', () => {
    for (const words of [['--name=x'], ['--name', 'x']]) assert.equal(parse('run', ...words, 'img').text('name'), 'x');
    for (const words of [['-e', 'A=b'], ['-eA=b'], ['-e=A=b'], ['--env=A=b']])
      assert.deepEqual(parse('run', ...words, 'img').list('env'), ['A=b']);
  });

  test('reads clusters, the last of which may take a value', () => {
    const args = parse('run', '-ite', 'A=b', 'img');
    assert.deepEqual([args.flag('interactive'), args.flag('tty'), args.list('env')], [true, true, ['A=b']]);
    assert.equal(parse('run', '-itmx', 'img').text('memory'), 'x');
  });

  test('true and false only count behind =', () => {
    assert.equal(parse('run', '--rm=false', 'img').flag('rm'), false);
    assert.equal(parse('run', '-t=1', 'img').flag('tty'), true);
    assert.deepEqual(parse('ps', '--all', 'false').positionals, ['false']);
    assert.throws(() => parse('run', '--rm=maybe'), { message: 'invalid argument "maybe" for "--rm" flag: it must be true or false' });
    assert.throws(() => parse('run', '--rm=constructor'), { code: 'CLI_USAGE' });
  });

  test('what follows the image belongs to the container', () => {
    const args = parse('run', '--rm', 'img', 'sh', '-c', '--name');
    assert.deepEqual(args.positionals, ['img', 'sh', '-c', '--name']);
    assert.deepEqual(parse('exec', '-i', 'box', 'ls', '-l').positionals, ['box', 'ls', '-l']);
    assert.deepEqual(parse('run', '--', '--image').positionals, ['--image']);
  });

  test('elsewhere flags may come last', () => {
    const args = parse('rm', 'box', '-f', 'crate');
    assert.deepEqual([args.positionals, args.flag('force')], [['box', 'crate'], true]);
    assert.deepEqual(parse('rm', '--', '-f').positionals, ['-f']);
  });

  test('repeats add up in lists, the last wins elsewhere; aliases are the flag itself', () => {
    assert.deepEqual(parse('run', '-e', '1', '--env', '2', 'img').list('env'), ['1', '2']);
    assert.equal(parse('run', '--name=a', '--name=b', 'img').text('name'), 'b');
    assert.equal(parse('run', '--net', 'host', 'img').text('network'), 'host');
    assert.equal(parse('stop', '--time', '3', 'box').integer('timeout'), 3);
    assert.equal(parse('stop', '-t', '-1', 'box').integer('timeout'), -1);
  });

  test('mistakes are named as Docker names them', () => {
    const mistakes: [string, string[], string][] = [
      ['run', ['--nope'], 'unknown flag: --nope'],
      ['run', ['-iX'], "unknown shorthand flag: 'X' in -iX"],
      ['run', ['--name'], 'flag needs an argument: --name'],
      ['run', ['-ie'], "flag needs an argument: 'e' in -ie"],
      ['stop', ['-t', 'soon'], 'invalid argument "soon" for "-t, --timeout" flag: it must be a whole number'],
      ['run', ['--cpu-count', '1'], 'orlop run --cpu-count is not supported'],
      ['run', ['--io-maxiops=1'], 'orlop run --io-maxiops is not supported'],
      ['launch', ['--pid', 'host'], 'orlop launch --pid is not supported'],
    ];
    for (const [name, words, message] of mistakes) assert.throws(() => parse(name, ...words), { code: 'CLI_USAGE', message }, message);
  });

  test('-h is help where it means nothing else', () => {
    assert.equal(parse('ps', '-h').flag('help'), true);
    assert.equal(parse('run', '-h', 'web', 'img').text('hostname'), 'web');
    assert.equal(parse('run', '--help').flag('help'), true);
  });

  test('the number of words is checked', () => {
    const check = (name: string, ...words: string[]): void => checkPositionals(commandNamed(name), parse(name, ...words));
    assert.throws(() => check('run'), { message: '"orlop run" requires at least 1 argument' });
    assert.throws(() => check('ps', 'x'), { message: '"orlop ps" accepts no arguments' });
    assert.throws(() => check('rename', 'x'), { message: '"orlop rename" requires 2 arguments' });
    assert.throws(() => check('import', '1', '2', '3'), { message: '"orlop import" requires at most 2 arguments' });
    check('exec', 'box', 'true');
  });

  test('any words are arguments or a usage error', () => {
    const words = fc.array(fc.oneof(fc.string(), fc.constantFrom('-it', '--rm', '--', '-e', '--name=', '-', '--=', '-=')));
    fc.assert(
      fc.property(fc.constantFrom(...listCommands()), words, (command, given) => {
        try {
          parseArguments(command, given);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });
});

describe('options before the command', () => {
  test('name the engine', () => {
    for (const words of [['-H', 'unix:///s'], ['-Hunix:///s'], ['-H=unix:///s'], ['--host', 'unix:///s'], ['--host=unix:///s']]) {
      const { host, rest } = parseGlobalOptions([...words, 'ps', '-a']);
      assert.deepEqual([host, rest], ['unix:///s', ['ps', '-a']], words.join(' '));
    }
    assert.throws(() => parseGlobalOptions(['-H']), { message: 'flag needs an argument: -H' });
    assert.deepEqual(parseGlobalOptions(['--config', '/c', '--context=default', 'ps']), {
      configDirectory: '/c',
      context: 'default',
      version: false,
      help: false,
      rest: ['ps'],
    });
    assert.equal(parseGlobalOptions(['-c', 'other', 'ps']).context, 'other');
    for (const words of [['-D'], ['--debug=false'], ['-l', 'warn'], ['--log-level=info']])
      assert.deepEqual(parseGlobalOptions([...words, 'ps']).rest, ['ps'], words.join(' '));
    assert.throws(() => parseGlobalOptions(['-l', 'loud', 'ps']), { message: 'unable to parse logging level: loud' });
    assert.throws(() => parseGlobalOptions(['--tls', 'ps']), { message: /^--tls alone is refused/ });
  });

  test('tell with which certificates it is reached', () => {
    const {
      rest: _rest,
      version: _version,
      help: _help,
      ...choice
    } = parseGlobalOptions(['--tlsverify', '--tlscacert=a', '--tlscert', 'c', '--tlskey', 'k', 'ps']);
    assert.deepEqual(choice, { tlsVerify: true, caFile: 'a', certFile: 'c', keyFile: 'k' });
    assert.equal(parseGlobalOptions(['--tlsverify=false', 'ps']).tlsVerify, false);
  });

  test('ask for the version or help', () => {
    assert.equal(parseGlobalOptions(['--version']).version, true);
    assert.equal(parseGlobalOptions(['-h']).help, true);
    assert.equal(parseGlobalOptions([]).help, true);
  });
});

describe('the command table', () => {
  test('gives each flag and letter once', () => {
    for (const { name, flags } of listCommands()) {
      const names = flags.map((flag) => flag.name);
      const letters = flags.flatMap(({ short }) => (short === undefined ? [] : [short]));
      assert.equal(new Set(names).size, names.length, name);
      assert.equal(new Set(letters).size, letters.length, name);
    }
  });

  test('finds groups, aliases and nothing else', () => {
    assert.deepEqual(findCommand(['template', 'list', '--format', 'x'])?.rest, ['--format', 'x']);
    assert.equal(findCommand(['list'])?.command.name, 'ls');
    assert.equal(findCommand(['container', 'list'])?.command.name, 'ps');
    assert.equal(findCommand(['template']), undefined);
    assert.equal(findCommand([]), undefined);
  });

  test('help shows every flag that works, and none that does not', () => {
    const help = formatCommandHelp(commandNamed('run'));
    assert.match(help, /^Usage: {2}orlop run \[OPTIONS\] IMAGE \[COMMAND\] \[ARG\.\.\.\]\n/);
    assert.match(help, / {2}-e, --env list +Set environment variables\n/);
    assert.doesNotMatch(help, /--cpu-count|--net /);
    const overview = formatOverview(listCommands(), groupSummaries);
    for (const { name, summary } of listCommands()) {
      const [group = '', word] = name.split(' ');
      const shown = word === undefined ? overview : formatGroupHelp(group, groupSummaries[group] ?? '', commandsInGroup(group));
      assert.ok(shown.includes(`  ${word ?? name} `) && shown.includes(summary), name);
    }
    for (const [group, summary] of Object.entries(groupSummaries)) {
      assert.ok(overview.includes(`  ${group} `) && overview.includes(summary), group);
      assert.notEqual(commandsInGroup(group).length, 0, group);
    }
  });
});
