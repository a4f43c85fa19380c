import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { renderFileTemplate } from './file-template.ts';

const render = (text: string, properties: Readonly<Record<string, string>> = {}): string =>
  renderFileTemplate(text, { properties, path: '/etc/x' }).join('<name>');

describe("a file's template", () => {
  const cases: readonly (readonly [text: string, result: string])[] = [
    ['plain', 'plain'],
    ['a {{ container.name }} b {{instance.name}}\n', 'a <name> b <name>\n'],
    ['{{ path }} {{ trigger }}', '/etc/x create'],
    ['{{ instance.type }} {{container.type}}', 'container container'],
    ['{{ properties.default }}|{{ properties.nothing }}|', 'given||'],
    ['{{ config_get("user.a", "else") }}', 'else'],
    ['{{ config_get("cloud-init.user-data", config_get("user.user-data", properties.default)) }}', 'given'],
    ['a{# note {{ x }} #}b', 'ab'],
    ['{% if config_get("a", "") == "" %}none{% else %}some{% endif %}', 'none'],
    ['{% if config_get("a", "") != "" %}some{% elif properties.default == "given" %}own{% else %}none{% endif %}', 'own'],
    ['{% if not properties.nothing %}{% if properties.default %}deep{% endif %}{% endif %}.', 'deep.'],
    ['{% if properties.nothing %}{{ not a part that matters }}{% endif %}ok', 'ok'],
    ['x \n {%- if properties.default -%} \n y {%- endif %} z', 'xy z'],
  ];
  for (const [text, result] of cases) it(JSON.stringify(text), () => assert.equal(render(text, { default: 'given' }), result));

  const unknown = [
    '{{ devices.eth0 }}',
    '{{ properties.a|upper }}',
    '{{ config_get("a") }}',
    '{% for x in y %}{% endfor %}',
    '{% if a and b %}{% endif %}',
    '{% if container.name == "x" %}{% endif %}',
    '{% if "a" == "a" %}never closed',
    '{% endif %}',
    '{% else %}',
    'a\0b',
  ];
  for (const text of unknown) {
    it(`${JSON.stringify(text)} is refused by name`, () => {
      assert.throws(
        () => render(text),
        (error) => isOrlopError(error, 'unimplemented') && error.message.includes('/etc/x'),
      );
    });
  }

  it('of any kind gives a text or is refused, and ends', () => {
    const part = fc.constantFrom('{%', '%}', '{{', '}}', 'if ', 'else', 'endif', 'elif ', ' properties.a ', '"', '==', 'x', '-', ' ');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        try {
          render(parts.join(''));
        } catch (error) {
          assert.ok(isOrlopError(error, 'unimplemented'));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
