import { OrlopError } from '#errors';

/** What a template may ask for. There are no instance settings of LXD's here: `config_get` always gives its second argument. */
export interface TemplateFacts {
  readonly properties: Readonly<Record<string, string>>;
  /** The file that it makes. */
  readonly path: string;
}

/** Stands for the container's name until there is one: no text file holds it. */
const nameMark = '\0';

/**
 * Renders the part of pongo2 that images use: texts, `{{ … }}`, `{% if %} … {% elif %} … {% else %} … {% endif %}` and comments, over names, texts,
 * `config_get(key, default)`, `==`, `!=`, `not`. Returns the pieces between which the container's name belongs. Unimplemented
 * `IMAGE_LXD_TEMPLATE` naming the file and what is not known.
 */
export function renderFileTemplate(text: string, facts: TemplateFacts): string[] {
  if (text.includes(nameMark)) throw unknownPart(facts, 'a NUL');
  const tokens = tokensOf(text);
  const { output, at } = renderUntil(tokens, 0, facts, true);
  if (at < tokens.length) throw unknownPart(facts, tokens[at] ?? '');
  return output.split(nameMark);
}

/** Texts, `{{ … }}` and `{% … %}`, in order. A dash takes the blanks away on its side (`{%-`, `-%}`). */
function tokensOf(text: string): string[] {
  const dashed = text.replaceAll(/\s*(\{[{%#])-/g, '$1').replaceAll(/-([}%#]\})\s*/g, '$1');
  return dashed.split(/(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})/s).filter((token) => token !== '' && !token.startsWith('{#'));
}

interface Rendered {
  readonly output: string;
  /** The token that it stopped at. */
  readonly at: number;
}

/** Up to a tag that belongs to the block around it, or the end. What is not `live` is read and gives nothing. */
function renderUntil(tokens: readonly string[], start: number, facts: TemplateFacts, live: boolean): Rendered {
  let output = '';
  let at = start;
  while (at < tokens.length) {
    const token = tokens[at] ?? '';
    const tag = tagOf(token);
    if (tag !== null && /^(?:elif|else|endif)\b/.test(tag)) break;
    if (tag !== null) {
      const block = renderIf(tokens, at, facts, live);
      output += block.output;
      at = block.at;
      continue;
    }
    if (live) output += token.startsWith('{{') ? evaluate(token.slice(2, -2), facts) : token;
    at += 1;
  }
  return { output, at };
}

function renderIf(tokens: readonly string[], start: number, facts: TemplateFacts, live: boolean): Rendered {
  let output = '';
  let taken = false;
  let at = start;
  for (let tag = tagOf(tokens[at] ?? '') ?? ''; tag !== 'endif'; tag = tagOf(tokens[at] ?? '') ?? '') {
    const condition = /^(?:if|elif)\s+(.+)$/s.exec(tag)?.[1];
    const isFirst = at === start;
    if ((isFirst ? !tag.startsWith('if ') : tag !== 'else' && !tag.startsWith('elif ')) || at >= tokens.length)
      throw unknownPart(facts, tag);
    const chosen: boolean = live && !taken && (condition === undefined || isTrue(condition, facts));
    const part = renderUntil(tokens, at + 1, facts, chosen);
    if (chosen) output = part.output;
    taken ||= chosen;
    at = part.at;
  }
  return { output, at: at + 1 };
}

function tagOf(token: string): string | null {
  return token.startsWith('{%') ? token.slice(2, -2).trim() : null;
}

function isTrue(condition: string, facts: TemplateFacts): boolean {
  const text = condition.trim();
  const negated = /^not\s+(.+)$/s.exec(text)?.[1];
  if (negated !== undefined) return !isTrue(negated, facts);
  const sides = text.split(/\s*(==|!=)\s*/);
  const [left = '', operator, right = ''] = sides;
  if (sides.length > 3 || /\s(?:and|or|in)\s|&&|\|\|/.test(text)) throw unknownPart(facts, text);
  const values = [left, right].map((side) => (side === '' ? '' : evaluate(side, facts)));
  if (values.some((value) => value.includes(nameMark))) throw unknownPart(facts, text);
  if (operator === undefined) return values[0] !== '';
  return (values[0] === values[1]) === (operator === '==');
}

function evaluate(expression: string, facts: TemplateFacts): string {
  const text = expression.trim();
  const literal = /^"([^"]*)"$|^'([^']*)'$/.exec(text);
  if (literal !== null) return literal[1] ?? literal[2] ?? '';
  const call = /^config_get\(\s*(?:"[^"]*"|'[^']*')\s*,\s*(.*)\)$/s.exec(text);
  if (call !== null) return evaluate(call[1] ?? '', facts);
  if (['container.name', 'instance.name'].includes(text)) return nameMark;
  if (text === 'path') return facts.path;
  if (text === 'trigger') return 'create';
  if (['container.type', 'instance.type'].includes(text)) return 'container';
  const property = /^properties\.([A-Za-z_]\w*)$/.exec(text)?.[1];
  if (property !== undefined) return Object.hasOwn(facts.properties, property) ? (facts.properties[property] ?? '') : '';
  throw unknownPart(facts, text);
}

function unknownPart({ path }: TemplateFacts, part: string): OrlopError {
  return new OrlopError(
    'unimplemented',
    'IMAGE_LXD_TEMPLATE',
    `the template of ${path} has a part that is not supported: ${part.trim().slice(0, 200)}`,
    {
      hint: 'take the template out of metadata.yaml, or write the file into the root',
    },
  );
}
