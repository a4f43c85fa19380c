import { OrlopError } from '#errors';
import type { BuildOverrides } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { type Io, write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { createProgressView } from '../render/progress.ts';

const columns = ['Name', 'Kind', 'Image', 'Built', 'Description'];

export const listTemplates: Verb = async ({ args, io, client }) => {
  const { templates, problems } = await (await client()).templates.list();
  if (args.flag('json')) {
    await printJson(io, { templates, problems });
    return exitCodes.ok;
  }
  for (const problem of problems) await write(io.stderr, `orlop: this recipe cannot be used: ${problem}\n`);
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
  const changes = overridesOf(args, io.env);
  const list: unknown[] = [];
  for (const name of args.positionals) {
    using view = createProgressView(io.stderr, { quiet: args.flag('quiet') });
    const images = await engine.templates.build(name, { rebuild: args.flag('rebuild'), ...changes, progress: (step) => view.report(step) });
    view[Symbol.dispose]();
    list.push({ name, images });
    if (!args.flag('json')) await write(io.stdout, images.map((image) => `${image}\n`).join(''));
  }
  if (args.flag('json')) await printJson(io, list);
  return exitCodes.ok;
};

/** `SOURCE_DATE_EPOCH` is the name by which tools are told the time that a result shall carry (reproducible-builds.org). */
function overridesOf(args: Arguments, env: Io['env']): BuildOverrides {
  const mirror = args.text('mirror');
  const epoch = env['SOURCE_DATE_EPOCH'] ?? '';
  if (epoch !== '' && !/^\d{1,12}$/.test(epoch)) {
    throw new OrlopError('invalid-argument', 'CLI_USAGE', `SOURCE_DATE_EPOCH=${epoch} is no number of seconds since 1970`);
  }
  return {
    ...(mirror === undefined ? {} : { mirror }),
    ...(args.flag('stale-mirror') ? { staleMirror: true } : {}),
    ...(epoch === '' ? {} : { sourceDateEpoch: Number(epoch) }),
  };
}
