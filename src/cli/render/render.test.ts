import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError, OrlopError } from '#errors';
import { formatError } from './error.ts';
import { formatList } from './list.ts';
import { createProgressView } from './progress.ts';
import { formatTable, truncate } from './table.ts';
import { parseTemplate } from './template.ts';

describe('templates', () => {
  const value = {
    Name: 'box',
    State: { Status: 'up', Pid: 7 },
    List: ['a', 'b'],
    Map: { b: '2', a: '1' },
    None: null,
    Labels: { 'x.y': 'z' },
  };
  const render = (text: string): string => parseTemplate(text).render(value);

  test('show fields, paths, JSON and map entries', () => {
    assert.equal(render(String.raw`{{.Name}}\t{{ .State.Status }}\n{{.State.Pid}}`), 'box\tup\n7');
    assert.equal(render('{{json .State}} {{json .Name}}'), '{"Status":"up","Pid":7} "box"');
    assert.equal(render('{{index .Labels "x.y"}}'), 'z');
    assert.equal(render('{{.List}} {{.Map}} {{.None}}'), '[a b] map[a:1 b:2] <no value>');
    assert.equal(render('{{json .}}'), JSON.stringify(value));
  });

  test('name what is not supported or does not exist', () => {
    assert.throws(() => render('{{range .List}}'), { kind: 'unimplemented' });
    assert.throws(() => render('{{.Nope}}'), { kind: 'invalid-argument', message: 'template: no field .Nope' });
    assert.throws(() => render('{{.Name.constructor}}'), { kind: 'invalid-argument' });
    assert.throws(() => render('{{.Name'), { message: /unclosed action/ });
  });

  test('any text is a template or an error with a name', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          render(`${text}{{${text}}}`);
        } catch (error) {
          assert.ok(isOrlopError(error), String(error));
        }
      }),
    );
  });
});

describe('lists', () => {
  const rows = [
    { Names: 'a', ID: '1' },
    { Names: 'long', ID: '22' },
  ];
  const options = { columns: ['ID', 'Names'], headers: { ID: 'CONTAINER ID' } };

  test('are tables with three spaces between columns and none behind the last', () => {
    assert.equal(formatList(rows, { ...options, format: undefined }), 'CONTAINER ID   NAMES\n1              a\n22             long\n');
    assert.equal(
      formatList(rows, { ...options, format: String.raw`table {{.Names}}\t{{.ID}}` }),
      'NAMES   CONTAINER ID\na       1\nlong    22\n',
    );
  });

  test('are templates or JSON lines on demand', () => {
    assert.equal(formatList(rows, { ...options, format: '{{.Names}}' }), 'a\nlong\n');
    assert.equal(formatList(rows, { ...options, format: 'json' }), '{"Names":"a","ID":"1"}\n{"Names":"long","ID":"22"}\n');
    assert.throws(() => formatList(rows, { ...options, format: '{{.Nope}}' }), { kind: 'invalid-argument' });
  });

  test('count letters, not bytes', () => {
    assert.equal(
      formatTable([
        ['ä', 'x'],
        ['bb', 'y'],
      ]),
      'ä    x\nbb   y\n',
    );
    assert.equal(truncate('abcdef', 4), 'abc…');
    assert.equal(truncate('abcd', 4), 'abcd');
  });
});

describe('progress', () => {
  const record = (isTTY: boolean): { out: { isTTY: boolean; columns: number; write(text: string): void }; texts: string[] } => {
    const texts: string[] = [];
    return { texts, out: { isTTY, columns: 60, write: (text) => void texts.push(text) } };
  };

  test('without a terminal is one line for each new status', () => {
    const { out, texts } = record(false);
    using view = createProgressView(out, { quiet: false });
    view.report({ status: 'Fetching', current: 1, total: 4 });
    view.report({ status: 'Fetching', current: 2, total: 4 });
    view.report({ id: 'a', status: 'Done' });
    assert.deepEqual(texts, ['Fetching\n', 'a: Done\n']);
  });

  test('on a terminal is one line that changes, at a bearable pace, and goes', () => {
    const { out, texts } = record(true);
    let nowMs = 0;
    const view = createProgressView(out, { quiet: false, nowMs: () => nowMs });
    view.report({ status: 'Fetching', current: 1, total: 4 });
    view.report({ status: 'Fetching', current: 2, total: 4 });
    nowMs = 100;
    view.report({ status: 'Fetching', current: 9, total: 4 });
    view[Symbol.dispose]();
    assert.deepEqual(texts, [
      '\r\u001B[KFetching [======                  ] 25%',
      '\r\u001B[KFetching [========================] 100%',
      '\r\u001B[K',
    ]);
  });

  test('says nothing when quiet', () => {
    const { out, texts } = record(true);
    using view = createProgressView(out, { quiet: true });
    view.report({ status: 'Fetching' });
    assert.deepEqual(texts, []);
  });
});

test('errors are a sentence and, where there is one, a hint', () => {
  assert.equal(formatError(new OrlopError('conflict', 'A', 'it is in use', { hint: 'stop it' })), 'orlop: it is in use\nhint: stop it\n');
  assert.equal(formatError(new TypeError('oh')), 'orlop: oh\n');
});
