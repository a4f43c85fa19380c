import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatCast, rename } from '../../scripts/pictures/record.ts';
import { createScreen } from '../../scripts/pictures/screen.ts';
import { drawSvg } from '../../scripts/pictures/svg.ts';

function shown(text: string, size = { rows: 4, columns: 10 }): string[] {
  const screen = createScreen(size);
  screen.write(text);
  return screen.lines().map((runs) => runs.map((run) => run.text).join(''));
}

describe('pictures of terminals', () => {
  const cases: readonly (readonly [name: string, text: string, lines: readonly string[]])[] = [
    ['lines', 'one\r\ntwo\r\n', ['one', 'two']],
    ['a line that is longer than the screen is wide', '0123456789ab', ['0123456789', 'ab']],
    ['the last of more lines than the screen has', '1\r\n2\r\n3\r\n4\r\n5', ['2', '3', '4', '5']],
    ['progress that is drawn over itself', 'a 1\r\nb 1\r\n\u001B[2A\u001B[2Ka 2\r\n\u001B[Kb 2', ['a 2', 'b 2']],
    ['what is left when the screen is erased from a line on', 'a\r\nb\r\nc\u001B[2;1H\u001B[J', ['a']],
    ['no titles, modes and bells', '\u001B]0;title\u0007\u001B[?25lx\u0007', ['x']],
    ['tabs and steps back', 'a\tb\bc', ['a       c']],
  ];
  for (const [name, text, lines] of cases) test(`show ${name}`, () => assert.deepEqual(shown(text), lines));

  test('have the colours of the terminal, and text as text', () => {
    const screen = createScreen({ rows: 2, columns: 20 });
    screen.write('\u001B[1;32mok\u001B[0m <&>');
    const svg = drawSvg({ title: 'a <b>', columns: 20, lines: screen.lines() });
    assert.match(svg, /fill="#98c379" font-weight="bold">ok<\/text>/);
    assert.match(svg, />&lt;&amp;&gt;<\/text>/);
    assert.match(svg, /<title>a &lt;b&gt;<\/title>/);
  });

  test('say where things usually are, also where the terminal got a name in two pieces', () => {
    const events = [
      [0, 'in /tm'],
      [1, 'p/x now'],
      [2, '/tmp/x'],
    ] as const;
    const { events: renamed } = rename({ title: 't', rows: 1, columns: 1, events }, [['/tmp/x', '/y']]);
    assert.deepEqual(renamed, [
      [0, 'in /y now'],
      [2, '/y'],
    ]);
  });

  test('go with recordings that players read: a header, then each piece of output with its time', () => {
    const lines = formatCast({ title: 't', rows: 2, columns: 3, events: [[0.5, 'x\r\n']] })
      .trim()
      .split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      [{ version: 2, width: 3, height: 2, title: 't' }, [0.5, 'o', 'x\r\n']],
    );
  });
});
