import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { createProgressView } from '../render/progress.ts';
import { awaitMachine, readBootWait } from '../values/boot-wait.ts';
import { readContainerOptions } from '../values/container-options.ts';
import { readSeed } from '../values/seed.ts';

/** One after the other: the first may have to build the template that the next ones use. */
export const launch: Verb = async ({ args, io, client }) => {
  const [source = '', ...names] = args.positionals;
  const bootWaitMs = readBootWait(args);
  const options = await readContainerOptions(args, io.env);
  const settings = { ...options.settings, ...readSeed(args) };
  const request = Object.keys(settings).length === 0 ? options : { ...options, settings };
  const engine = await client();
  const list: { name: string }[] = [];
  for (const name of names.length === 0 ? [undefined] : names) {
    using view = createProgressView(io.stderr, { quiet: args.flag('quiet') });
    const launched = await engine.launch(
      { ...request, source, ...(name === undefined ? {} : { name }) },
      { progress: (step) => view.report(step) },
    );
    view[Symbol.dispose]();
    list.push(launched);
    if (!args.flag('json')) await write(io.stdout, `${launched.name}\n`);
  }
  if (bootWaitMs !== null) await Promise.all(list.map(({ name }) => awaitMachine(engine, io, name, bootWaitMs)));
  if (args.flag('json')) await printJson(io, list);
  return exitCodes.ok;
};
