import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';

export const commit: Verb = async ({ args, io, client }) => {
  const [container = '', name] = args.positionals;
  const id = await (await client()).archives.commit(container, {
    name,
    comment: args.text('message'),
    author: args.text('author'),
    changes: args.list('change'),
    pause: !args.has('pause') || args.flag('pause'),
  });
  await (args.flag('json') ? printJson(io, { Id: id }) : write(io.stdout, `${id}\n`));
  return exitCodes.ok;
};
