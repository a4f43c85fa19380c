import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError, OrlopError } from '#errors';
import { formatError } from './error.ts';
import { formatList } from './list.ts';
import { createProgressView } from './progress.ts';
import { formatTable, truncate } from './table.ts';
import { parseTemplate } from './template.ts';
import { withLabels } from './template/row.ts';
import { asStructure } from './template/structures.ts';

describe('templates', () => {
  const value = {
    Name: 'box',
    State: { Status: 'up', Pid: 7 },
    List: ['a', 'b'],
    Map: { b: '2', a: '1' },
    None: null,
    Labels: { 'x.y': 'z' },
    Wide: { k: { Deep: 'x' } },
    Say: (word: string) => `${word}!`,
  };
  const render = (text: string): string => parseTemplate(text).render(value);

  test('show fields, paths, JSON and map entries', () => {
    assert.equal(render(String.raw`{{.Name}}\t{{ .State.Status }}\n{{.State.Pid}}`), 'box\tup\n7');
    assert.equal(render(String.raw`a\tb{{range .List}}{{.}}{{"\n"}}{{end}}`), 'a\tba\nb\n');
    assert.equal(render('{{json .State}} {{json .Name}}'), '{"Status":"up","Pid":7} "box"');
    assert.equal(render('{{index .Labels "x.y"}}'), 'z');
    assert.equal(render('{{.List}} {{.Map}} {{.None}}'), '[a b] map[a:1 b:2] <no value>');
    assert.equal(render('{{json .}}'), JSON.stringify(value));
  });

  test('have conditions, loops and blocks with their own dot, as Go has them', () => {
    assert.equal(render('{{range .List}}<{{.}}>{{end}}{{range .None}}x{{else}}none{{end}}'), '<a><b>none');
    assert.equal(render('{{range $i, $x := .List}}{{if $i}},{{end}}{{$i}}={{$x}}{{$.Name}}{{end}}'), '0=abox,1=bbox');
    assert.equal(render('{{range $key, $item := .Map}}{{$key}}{{$item}} {{end}}'), 'a1 b2 ');
    assert.equal(render('{{if eq .State.Pid 8}}8{{else if gt .State.Pid 6}}more{{else}}less{{end}}'), 'more');
    assert.equal(render('{{with .State}}{{.Status}}{{end}}{{with .None}}x{{else}}{{.Name}}{{end}}'), 'upbox');
    assert.equal(render('{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}'), 'a');
    assert.equal(render('{{range .List}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}'), 'b');
    assert.equal(render('{{$n := 1}}{{range .List}}{{$n = len .}}{{end}}{{$n}}'), '1');
  });

  test('name templates, say them with a value of their own, and end one that calls itself for ever', () => {
    assert.equal(render('{{define "it"}}<{{.}}>{{end}}{{range .List}}{{template "it" .}}{{end}}'), '<a><b>');
    assert.equal(render('{{template "late" .State}}{{define "late"}}{{.Status}}{{$.Pid}}{{end}}'), 'up7');
    assert.equal(render('{{block "both" .Name}}[{{.}}]{{end}}{{template "both" "x"}}'), '[box][x]');
    assert.equal(render('{{define "empty"}}{{.}}{{end}}{{template "empty"}}'), '<no value>');
    assert.equal(render('{{define "n"}}{{if .}}{{len .}}{{template "n" (slice . 1)}}{{end}}{{end}}{{template "n" .Name}}'), '321');
    assert.throws(() => render('{{define "again"}}{{template "again" .}}{{end}}{{template "again" .}}'), {
      message: /maximum template depth/,
    });
    assert.throws(() => render('{{$x := 1}}{{define "blind"}}{{$x}}{{end}}{{template "blind" .}}'), {
      message: /undefined variable "\$x"/,
    });
    assert.throws(() => render('{{if .Name}}{{define "in"}}{{end}}{{end}}'), { message: /unexpected \{\{define\}\}/ });
    assert.throws(() => render('{{define "open"}}'), { message: /has no \{\{end\}\}/ });
    assert.throws(() => render('{{define .Name}}{{end}}'), { message: /needs a name in quotes/ });
    assert.throws(() => render('{{range .List}}{{block "b" .}}{{break}}{{end}}{{end}}'), { message: /outside \{\{range\}\}/ });
  });

  test('pass values on from command to command, and take white space off where they are told to', () => {
    assert.equal(render('{{.Name | upper | printf "%s-%d" "x"}}'), 'x-%!d(BOX)');
    assert.equal(render('{{printf "%-6s|%05.1f|%q|%v" .Name 2.25 "a" .List}}'), 'box   |002.3|"a"|[a b]');
    assert.equal(render('{{(index .List 1) | upper}}{{(index .Wide "k").Deep}}'), 'Bx');
    assert.equal(render('a {{- /* said to nobody */ -}} b {{- .Name -}} c'), 'abboxc');
    assert.equal(
      render('{{join .List ", "}} {{split "a:b" ":"}} {{title "two words"}} {{truncate .Name 2}}<{{pad .Name 1 2}}>'),
      'a, b [a b] Two Words bo< box  >',
    );
    assert.equal(render('{{or .None "else"}} {{and .Name .State.Pid}} {{not .Name}} {{len .List}} {{slice .Name 1}}'), 'else 7 false 2 ox');
    assert.equal(render('{{"}}"}}{{`a"b`}}{{.Say "hi"}}'), '}}a"bhi!');
    assert.equal(render('{{or true .Nope.Nope}}'), 'true');
  });

  test('take a key that a map has not for nothing, and a field that a structure has not for a mistake', () => {
    assert.equal(render('{{.Labels.gone}}|{{index .Labels "gone"}}|{{if .Labels.gone}}x{{end}}'), '<no value>||');
    assert.throws(() => render('{{.State.Gone}}'), { kind: 'invalid-argument', message: 'template: no field .State.Gone' });
    assert.throws(() => render('{{index .List 2}}'), { kind: 'invalid-argument', message: 'template: index out of range: 2' });
  });

  test('name what is not supported or does not exist', () => {
    assert.throws(() => render('{{template "x"}}'), { kind: 'invalid-argument', message: 'template: template "x" not defined' });
    assert.throws(() => render('{{range .List}}'), { message: /\{\{range\}\} has no \{\{end\}\}/ });
    assert.throws(() => render('{{end}}'), { message: /unexpected \{\{end\}\}/ });
    assert.throws(() => render('{{nope .Name}}'), { message: 'template parsing error: function "nope" not defined' });
    assert.throws(() => render('{{$x}}'), { message: 'template: undefined variable "$x"' });
    assert.throws(() => render('{{.Name "x"}}'), { message: "template: can't give argument to non-function .Name" });
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
    const raw = { container_id: 'ID', names: 'Names', labels: 'Labels' };
    assert.equal(
      formatList([{ ID: '1', Names: 'a', Labels: '' }], { ...options, format: 'raw', raw }),
      'container_id: 1\nnames: a\nlabels:\n\n',
    );
    assert.equal(
      formatList(rows, { ...options, format: String.raw`table {{.Names}}\t{{.ID}}` }),
      'NAMES     CONTAINER ID\na         1\nlong      22\n',
    );
    assert.equal(
      formatList(rows, { ...options, format: String.raw`table {{upper .Names}}\t{{if eq .ID "1"}}one{{else}}{{.ID}}{{end}}` }),
      'NAMES     CONTAINER ID\nA         one\nLONG      22\n',
    );
  });

  test('are templates or JSON lines on demand', () => {
    assert.equal(formatList(rows, { ...options, format: '{{.Names}}' }), 'a\nlong\n');
    assert.equal(formatList(rows, { ...options, format: 'json' }), '{"ID":"1","Names":"a"}\n{"ID":"22","Names":"long"}\n');
    assert.equal(
      formatList([{ Ports: '80->80', ID: '1' }], { ...options, format: '{{json .}} {{json .Ports}}' }),
      String.raw`{"ID":"1","Ports":"80-\u003e80"} "80->80"` + '\n',
    );
    assert.throws(() => formatList(rows, { ...options, format: '{{.Nope}}' }), { kind: 'invalid-argument' });
  });

  test('know one label of a row by its name', () => {
    const labelled = withLabels({ Names: 'a', Labels: 'x=1,y=2' }, { x: '1', y: '2,3' });
    assert.equal(formatList([labelled], { ...options, format: '{{.Label "y"}}{{.Label "none"}}' }), '2,3\n');
    assert.equal(
      formatList([labelled], { ...options, format: String.raw`table {{.Label "x"}}\t{{json .Names}}` }),
      'x         NAMES\n1         "a"\n',
    );
    assert.equal(formatList([labelled], { ...options, format: 'json' }), '{"Labels":"x=1,y=2","Names":"a"}\n');
  });

  test('count letters, not bytes', () => {
    assert.equal(
      formatTable([
        ['ä', 'x'],
        ['bb', 'y'],
      ]),
      'ä         x\nbb        y\n',
    );
    assert.equal(truncate('abcdef', 4), 'abc…');
    assert.equal(truncate('abcd', 4), 'abcd');
  });
});

describe('structures of the API in templates', () => {
  const container = {
    Id: 'abc',
    State: { Status: 'running', Running: true },
    Config: { Labels: { Upper: '1' }, Entrypoint: null, ExposedPorts: { '80/tcp': {} } },
    NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] } },
    HostConfig: { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } },
  };
  const render = (text: string): string => parseTemplate(text).render(asStructure(container, 'Container'));

  test('have all fields of Go, also those that JSON leaves out', () => {
    assert.equal(render('{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}'), 'none');
    assert.equal(render('{{.State.Health}} {{json .State.Health}} {{.SizeRw}}'), '<nil> null <nil>');
    assert.equal(render('{{range .Mounts}}x{{end}}{{len .Mounts}}{{.Path}}'), '0');
    assert.throws(() => render('{{.State.Health.Status}}'), { message: 'template: no field .State.Health.Status' });
    assert.throws(() => render('{{.State.Nope}}'), { message: 'template: no field .State.Nope' });
  });

  test('are printed as Go prints structures, lists and maps', () => {
    assert.equal(render('{{.NetworkSettings.Ports}} {{.HostConfig.RestartPolicy}}'), 'map[80/tcp:[{127.0.0.1 8080}]] {no 0}');
    assert.equal(render('{{.Config.ExposedPorts}} {{.Config.Entrypoint}} {{.Config.Volumes}}'), 'map[80/tcp:{}] [] map[]');
    assert.equal(render('{{.State}}'), '{running true false false false false 0 0    <nil>}');
  });

  test('are in JSON as they came', () => {
    assert.equal(render('{{json .Config}} {{json .Config.Entrypoint}}'), `${JSON.stringify(container.Config)} null`);
    assert.equal(render('{{json .}}'), JSON.stringify(container));
  });

  test('have maps with keys of any kind, and fields by their names in Go', () => {
    assert.equal(render('{{.Config.Labels.Upper}} {{.Config.Labels.Other}} {{.ID}}'), '1 <no value> abc');
  });
});

describe('progress', () => {
  const record = (isTTY: boolean): { out: { isTTY: boolean; columns: number; write(text: string): void }; texts: string[] } => {
    const texts: string[] = [];
    return { texts, out: { isTTY, columns: 60, write: (text) => void texts.push(text) } };
  };

  test('without a terminal is one line for each new status of each part', () => {
    const { out, texts } = record(false);
    using view = createProgressView(out, { quiet: false });
    view.report({ status: 'Fetching', current: 1, total: 4 });
    view.report({ id: 'a', status: 'Downloading', current: 1, total: 4 });
    view.report({ id: 'b', status: 'Downloading' });
    view.report({ id: 'a', status: 'Downloading', current: 2, total: 4 });
    view.report({ id: 'a', status: 'Done' });
    assert.deepEqual(texts, ['Fetching\n', 'a: Downloading\n', 'b: Downloading\n', 'a: Done\n']);
  });

  test('on a terminal has a line for each part, as many as there is room for, those that move first', () => {
    const { out, texts } = record(true);
    const view = createProgressView({ ...out, rows: 3 }, { quiet: false, nowMs: () => 0 });
    view.report({ id: 'a', status: 'Waiting' });
    view.report({ id: 'b', status: 'Downloading', current: 1, total: 2 });
    view.report({ id: 'c', status: 'Waiting' });
    view[Symbol.dispose]();
    assert.deepEqual(texts, [
      'a: Waiting\n',
      '\r\u001B[1A\u001B[Ja: Waiting\nb: Downloading [============            ] 50%\n',
      '\r\u001B[2A\u001B[Jb: Downloading [============            ] 50%\nc: Waiting\n',
      '\r\u001B[2A\u001B[J',
    ]);
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
      'Fetching [======                  ] 25%\n',
      '\r\u001B[1A\u001B[JFetching [========================] 100%\n',
      '\r\u001B[1A\u001B[J',
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
