import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { truncate } from '../render/table.ts';
import { parseFilters } from '../values/pairs.ts';
import { authOf, openCredentials } from '../values/registry-auth.ts';

const columns = ['Name', 'Description', 'StarCount', 'IsOfficial'];
const headers = { StarCount: 'STARS', IsOfficial: 'OFFICIAL' };

/** A registry's own search: Docker Hub's, or that of the registry that the term begins with (`registry.example:5000/term`). */
export const search: Verb = async ({ args, io, client, command }) => {
  const [term = ''] = args.positionals;
  const limit = args.integer('limit');
  if (limit !== undefined && limit < 0)
    throw usageError(`invalid argument "${limit}" for "--limit" flag: it must not be negative`, command);
  const registry = registryOfTerm(term);
  const credential = await openCredentials(io.env).get(registry);
  const found = await (await client()).images.search(term, {
    limit: limit === 0 ? undefined : limit,
    filters: parseFilters(args.list('filter')),
    auth: credential === null ? undefined : authOf(registry, credential),
  });
  if (args.flag('json')) {
    await printJson(io, found);
    return exitCodes.ok;
  }
  const whole = args.flag('no-trunc');
  const rows = found.map(({ name, description, star_count: stars, is_official: official, is_automated: automated }) => {
    const line = description.replaceAll(/[\r\n]/g, ' ');
    return {
      Name: name,
      Description: whole ? line : truncate(line, 45),
      StarCount: String(stars),
      IsOfficial: official ? '[OK]' : '',
      IsAutomated: automated ? '[OK]' : '',
    };
  });
  await write(io.stdout, formatList(rows, { format: args.text('format'), columns, headers }));
  return exitCodes.ok;
};

/** The registry is what stands before the first `/`, where that looks like a host. */
function registryOfTerm(term: string): string {
  const [first = '', ...rest] = term.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}
