import { fieldsOf, renderText } from './template/evaluate.ts';
import { parseText } from './template/parse.ts';

/** A compiled `--format` text. */
export interface Template {
  /** The first name of each field, for table headers. */
  readonly fields: readonly string[];
  render(value: unknown): string;
  /** The head of a table: functions leave what they are given. */
  renderTitles(titles: Readonly<Record<string, unknown>>): string;
}

/** Texts inside of actions have escapes of their own. */
const actionOrEscape = /(\{\{.*?\}\})|\\([tn])/gs;

/**
 * Go's text/template as Docker's command line has it: fields, variables, pipelines, `if`, `range`, `with`, `break`, `continue`, `define`, `template`, `block`, and
 * the functions of template/functions.ts. `\t` and `\n` outside of actions are a tab and a line's end.
 * Fails with `invalid-argument` for what is malformed, here, and for fields that do not exist, when rendered.
 */
export function parseTemplate(text: string): Template {
  const parsed = parseText(
    text.replaceAll(actionOrEscape, (_all, action?: string, letter?: string) => action ?? (letter === 't' ? '\t' : '\n')),
  );
  return {
    fields: [parsed.nodes, ...parsed.named.values()].flatMap(fieldsOf),
    render: (value) => renderText(parsed, value),
    renderTitles: (titles) => renderText(parsed, titles, { titles: true }),
  };
}
