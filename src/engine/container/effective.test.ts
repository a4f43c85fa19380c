import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { imageViewWith, requestWith } from '../fixtures/records.ts';
import type { CreateRequest, ImageView } from '../model.ts';
import { configuredEnvironment, mergeEnvironment, resolveProcess } from './effective.ts';
import { endingSignal } from './record.ts';

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function resolve(config: Partial<ImageView['config']>, request: Partial<CreateRequest> = {}) {
  return resolveProcess(imageViewWith({}, config), requestWith(request));
}

describe('entrypoint and command', () => {
  const image = { entrypoint: ['/entry'], command: ['serve'] };
  const cases: readonly [what: string, request: Partial<CreateRequest>, entrypoint: string[], command: string[]][] = [
    ['a silent request takes both of the image', {}, ['/entry'], ['serve']],
    ['nulls are silence', { entrypoint: null, command: null }, ['/entry'], ['serve']],
    ["a command replaces the image's", { command: ['list', '-a'] }, ['/entry'], ['list', '-a']],
    ["an empty command takes the image's", { command: [] }, ['/entry'], ['serve']],
    ["an entrypoint takes the image's command away", { entrypoint: ['/bin/sh'] }, ['/bin/sh'], []],
    ['an entrypoint with a command', { entrypoint: ['/bin/sh'], command: ['-c', 'true'] }, ['/bin/sh'], ['-c', 'true']],
    ['one empty word clears the entrypoint', { entrypoint: [''], command: ['true'] }, [], ['true']],
    ["an empty list clears the entrypoint and keeps the image's command", { entrypoint: [] }, [], ['serve']],
    ['empty words among others are kept', { entrypoint: ['/bin/echo', ''], command: [''] }, ['/bin/echo', ''], ['']],
  ];
  for (const [what, request, entrypoint, command] of cases) {
    test(what, () => {
      const process = resolve(image, request);
      assert.deepEqual(process.entrypoint, entrypoint);
      assert.deepEqual(process.command, command);
    });
  }

  test('neither of them anywhere is refused, naming the image', () => {
    for (const request of [{}, { entrypoint: [''] }, { entrypoint: [], command: [] }]) {
      assert.throws(
        () => resolve({}, request),
        (error: unknown) =>
          isOrlopError(error, 'invalid-argument') && error.code === 'ENGINE_NO_COMMAND' && /busybox/.test(error.hint ?? ''),
      );
    }
  });
});

describe('environment', () => {
  const cases: readonly [what: string, image: string[], request: string[], merged: string[]][] = [
    ['without any there is a search path', [], [], [path]],
    ["the image's search path is kept", ['PATH=/bin'], [], ['PATH=/bin']],
    ["the request's value wins and keeps the place", ['A=1', 'B=2'], ['A=3'], [path, 'A=3', 'B=2']],
    ['the last of several wins', ['A=1', 'A=2'], ['B=1', 'B=2'], [path, 'A=2', 'B=2']],
    ['a bare name takes the variable away', ['A=1', 'B=2'], ['A'], [path, 'B=2']],
    ['a bare name that is not there does nothing', ['A=1'], ['B'], [path, 'A=1']],
    ['a variable may be empty', ['A=1'], ['A='], [path, 'A=']],
    ['only the first equals sign divides', [], ['A=b=c'], [path, 'A=b=c']],
  ];
  for (const [what, image, request, merged] of cases) test(what, () => assert.deepEqual(mergeEnvironment(image, request), merged));

  test('is shown as it was asked for, then what only the image has', () => {
    assert.deepEqual(configuredEnvironment(['A=1', 'B=2', 'C=3'], ['Z=9', 'B', 'A=']), ['Z=9', 'B', 'A=', 'C=3']);
    assert.throws(() => configuredEnvironment([], ['']), /invalid environment variable: $/);
  });

  test('a variable without a name is refused, named', () => {
    assert.throws(() => mergeEnvironment([], ['=x']), /invalid environment variable: =x/);
  });

  test('each variable occurs once, with its last value', () => {
    const entry = fc.tuple(fc.constantFrom('A', 'B', 'PATH', '__proto__'), fc.string()).map(([name, value]) => `${name}=${value}`);
    fc.assert(
      fc.property(fc.array(entry), fc.array(entry), (base, changes) => {
        const merged = mergeEnvironment(base, changes);
        const names = merged.map((line) => line.slice(0, line.indexOf('=')));
        assert.equal(new Set(names).size, names.length);
        for (const line of [...base, ...changes]) {
          const prefix = line.slice(0, line.indexOf('=') + 1);
          const last = [...base, ...changes].findLast((candidate) => candidate.startsWith(prefix));
          assert.ok(merged.includes(last ?? ''), `${last} is missing in ${JSON.stringify(merged)}`);
        }
      }),
    );
  });
});

describe('working directory, user and stop signal', () => {
  const command = ['true'];

  test('come from the image, and are otherwise left open', () => {
    const plain = resolve({ command });
    assert.deepEqual([plain.workingDirectory, plain.user, plain.stopSignal], ['', '', '']);
    const said = resolve({ command, workingDirectory: '/srv', user: 'www', stopSignal: 'SIGQUIT' });
    assert.deepEqual([said.workingDirectory, said.user, said.stopSignal], ['/srv', 'www', 'SIGQUIT']);
  });

  test('the image says how to stop it, else SIGTERM', () => {
    assert.equal(endingSignal(resolve({ command })), 'SIGTERM');
    assert.equal(endingSignal(resolve({ command, stopSignal: 'SIGPWR' })), 'SIGPWR');
  });

  test('the request wins', () => {
    const image = { command, workingDirectory: '/srv', user: 'www', stopSignal: 'SIGQUIT' };
    const process = resolve(image, { workingDirectory: '/tmp', user: '7:7', stopSignal: 'INT' });
    assert.deepEqual([process.workingDirectory, process.user, process.stopSignal], ['/tmp', '7:7', 'INT']);
  });

  for (const relative of ['srv', './srv', '../srv']) {
    test(`the relative working directory ${relative} is refused, named`, () => {
      assert.throws(
        () => resolve({ command }, { workingDirectory: relative }),
        (error: unknown) => isOrlopError(error, 'invalid-argument') && error.message.includes(`'${relative}'`),
      );
    });
  }
});
