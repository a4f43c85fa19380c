import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { createProgressView } from '../render/progress.ts';
import { openArchive } from '../values/archive-file.ts';

export const load: Verb = async ({ args, io, client }) => {
  const quiet = args.flag('quiet');
  const how = { quiet, platform: args.text('platform') };
  const source = await openArchive(io, args.text('input'), 'name a file with --input, or pipe the archive into it');
  using view = createProgressView(io.stderr, { quiet: quiet || !io.stderr.isTTY });
  const said: string[] = [];
  for await (const { id, status, progressDetail, stream } of (await client()).archives.load(source, how)) {
    if (stream !== undefined) {
      view[Symbol.dispose]();
      if (args.flag('json')) said.push(stream.trim());
      else await write(io.stdout, stream);
    } else if (status !== undefined) view.report({ status, ...(id === undefined ? {} : { id }), ...progressDetail });
  }
  if (args.flag('json')) await printJson(io, { Loaded: said.map((line) => line.replace(/^Loaded image(?: ID)?: /, '')) });
  return exitCodes.ok;
};
