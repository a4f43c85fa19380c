import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { createContainerId, createExecId, createName, parseContainerName } from './names.ts';

test('ids are 64 hexadecimal digits and differ', () => {
  const ids = Array.from({ length: 100 }, () => [createContainerId(), createExecId()]).flat();
  for (const id of ids) assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('a made-up name is one that may be given by hand', () => {
  for (let index = 0; index < 200; index++) {
    const name = createName(() => false);
    assert.match(name, /^[a-z]+_[a-z]+$/);
    assert.equal(parseContainerName(name), name);
  }
});

test('a taken name is never made up; after ten collisions names carry a number', () => {
  const tried: string[] = [];
  const name = createName((candidate) => {
    tried.push(candidate);
    return !/\d/.test(candidate);
  });
  assert.match(name, /^[a-z]+_[a-z]+\d+$/);
  assert.equal(tried.length, 11);
  assert.equal(tried.at(-1), name);
});

test('a leading slash of a name is dropped, once', () => {
  assert.equal(parseContainerName('/web'), 'web');
  assert.throws(() => parseContainerName('//web'), /Invalid container name \(\/\/web\)/);
});

for (const good of ['ab', 'A0', '0.a', 'web_1', 'web-1.example', 'x'.repeat(255)]) {
  test(`the name ${good.slice(0, 20)} (${good.length} characters) is taken as it is`, () => assert.equal(parseContainerName(good), good));
}

for (const bad of ['', '/', 'a', '.a', '-a', '_a', 'a b', 'a/b', 'a\n', 'aé', '../etc', 'a\0b', 'x'.repeat(256)]) {
  test(`the name ${JSON.stringify(bad.slice(0, 20))} (${bad.length} characters) is refused, named`, () => {
    assert.throws(
      () => parseContainerName(bad),
      (error: unknown) =>
        isOrlopError(error, 'invalid-argument') && error.code === 'ENGINE_NAME_INVALID' && error.message.includes(`(${bad})`),
    );
  });
}

test('whatever the text, a name is of safe characters only or refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string()), (text) => {
      try {
        assert.match(parseContainerName(text), /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/);
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument'));
      }
    }),
  );
});
