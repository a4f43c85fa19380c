import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseNodes } from '../shape/index.ts';
import { findVariables, substitute } from './variables.ts';

const values: Readonly<Record<string, string>> = { SET: 'set', EMPTY: '' };
const lookup = (name: string): string | undefined => (Object.hasOwn(values, name) ? values[name] : undefined);

describe('interpolation', () => {
  for (const [text, wanted] of [
    ['$SET-${SET}', 'set-set'],
    ['$$SET $${SET}', '$SET ${SET}'],
    ['${EMPTY:-a}${EMPTY-a}${NONE:-b}${NONE-b}', 'abb'],
    ['${SET:+x}${EMPTY:+x}${EMPTY+y}${NONE+z}', 'xy'],
    ['${SET:?no}${EMPTY?no}', 'set'],
    ['${NONE:-${EMPTY:-${SET}}}', 'set'],
    ['${NONE:-a}b}', 'ab}'],
    ['a $ b $', 'a $ b $'],
    ['${NONE}', ''],
  ] as const)
    test(`makes ${JSON.stringify(wanted)} of ${text}`, () => assert.equal(substitute(text, { lookup }), wanted));

  for (const text of ['${', '${}', '${1}', '${A', '${A!b}', '${NONE:-${A}'])
    test(`refuses ${text}`, () => assert.throws(() => substitute(text, { lookup }), /invalid interpolation format/));

  test('says which variable must be set, and why', () => {
    assert.throws(() => substitute('${NONE:?set it to $SET}', { lookup }), {
      message: 'required variable NONE is missing a value: set it to set',
    });
    assert.throws(() => substitute('${EMPTY:?}', { lookup }), { message: 'required variable EMPTY is missing a value' });
  });

  test('tells of variables without value or default, once each use', () => {
    const missing: string[] = [];
    substitute('$NONE ${NONE:-x} $SET', { lookup, onMissing: (name) => missing.push(name) });
    assert.deepEqual(missing, ['NONE']);
  });

  test('ends on whatever it is given', () => {
    const pieces = fc.constantFrom('$', '{', '}', ':', '-', '?', '+', 'A', 'SET', '${', '${A:-', '$$');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        try {
          assert.equal(typeof substitute(parts.join(''), { lookup }), 'string');
        } catch (error) {
          assert.match((error as Error).message, /invalid interpolation|missing a value|nested too deeply/);
        }
      }),
    );
  });

  test('knows the variables of a file, nested ones too, with what stands for them', () => {
    const [node] = parseNodes('a: ["${A:-${B}}", "$C ${D:?why}"]\nb: {c: "${E+yes} ${"}', 'f.yaml');
    assert.ok(node !== undefined);
    assert.deepEqual(
      findVariables(node).map(({ name, required, defaultValue, presenceValue }) => [name, required, defaultValue, presenceValue]),
      [
        ['A', false, '${B}', ''],
        ['B', false, '', ''],
        ['C', false, '', ''],
        ['D', true, '', ''],
        ['E', false, '', 'yes'],
      ],
    );
  });

  test('stops at nesting that has no end in sight', () =>
    assert.throws(() => substitute(`${'${A:-'.repeat(100)}${'}'.repeat(100)}`, { lookup }), /nested too deeply/));
});
