import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { formatList } from '../render/list.ts';
import { createProgressView } from '../render/progress.ts';

const columns = ['Name', 'Kind', 'Image', 'Built', 'Description'];

export const listTemplates: Verb = async ({ args, io, client }) => {
  const templates = await (await client()).templates.list();
  const rows = templates.flatMap(({ name, description, variants }) =>
    variants.map((variant) => ({
      Name: variant.name.startsWith(`${name}/`) ? variant.name : `${name}/${variant.name}`,
      Template: name,
      Kind: variant.kind,
      Image: variant.image,
      Built: variant.built ? 'yes' : 'no',
      Description: description,
    })),
  );
  await write(io.stdout, formatList(rows, { format: args.text('format'), columns, headers: {} }));
  return exitCodes.ok;
};

export const buildTemplates: Verb = async ({ args, io, client }) => {
  const engine = await client();
  for (const name of args.positionals) {
    using view = createProgressView(io.stderr, { quiet: args.flag('quiet') });
    const images = await engine.templates.build(name, { rebuild: args.flag('rebuild'), progress: (step) => view.report(step) });
    view[Symbol.dispose]();
    await write(io.stdout, images.map((image) => `${image}\n`).join(''));
  }
  return exitCodes.ok;
};
