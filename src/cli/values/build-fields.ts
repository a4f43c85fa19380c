import { usageError } from '../arguments/usage-error.ts';

/** `a=b,c=d`; a part without a name has the empty one. Names are in lower case; unknown ones are refused. */
export function fieldsOf(flag: string, entry: string, known: readonly string[]): Record<string, string> {
  const fields = Object.fromEntries(
    entry.split(',').map((field) => {
      const mark = field.indexOf('=');
      return mark < 0 ? ['', field] : [field.slice(0, mark).toLowerCase(), field.slice(mark + 1)];
    }),
  ) as Record<string, string>;
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw usageError(`invalid argument ${JSON.stringify(entry)} for "--${flag}" flag: unexpected key ${JSON.stringify(unknown)}`);
  return fields;
}
