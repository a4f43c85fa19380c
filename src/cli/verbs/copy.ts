import { OrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';

/** `box/before` is the snapshot `before` of `box`. A leading slash is part of Docker's way to write names. */
export function parseSource(text: string): { readonly ref: string; readonly snapshot?: string } {
  const slash = text.indexOf('/', 1);
  return slash < 0 ? { ref: text } : { ref: text.slice(0, slash), snapshot: text.slice(slash + 1) };
}

export const copy: Verb = async ({ args, io, client }) => {
  const [from = '', name] = args.positionals;
  if (name !== undefined) refuseHost(name);
  const { ref, snapshot } = parseSource(from);
  const { snapshots, containers } = await client();
  const made = await snapshots.copy(ref, {
    ...(name === undefined ? {} : { name }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ephemeral: args.flag('ephemeral'),
  });
  for (const warning of made.warnings) await write(io.stderr, `WARNING: ${warning}\n`);
  if (args.flag('start')) await containers.start(made.id);
  if (args.flag('json')) await printJson(io, made);
  else await write(io.stdout, `${made.name}\n`);
  return exitCodes.ok;
};

export const move: Verb = async ({ args, client }) => {
  const [ref = '', name = ''] = args.positionals;
  refuseHost(name);
  await (await client()).containers.rename(ref, name);
  return exitCodes.ok;
};

/** As LXD writes other hosts: `host:`, `host:name`. */
function refuseHost(name: string): void {
  if (!name.includes(':')) return;
  throw new OrlopError(
    'unimplemented',
    'CLI_OTHER_HOST',
    `${JSON.stringify(name)} is on another engine, to which containers cannot be sent yet`,
    {
      hint: 'send an image of it: orlop publish CONTAINER NAME; orlop save NAME | orlop -H HOST load',
    },
  );
}

export const publish: Verb = async ({ args, io, client }) => {
  const [from = '', positional] = args.positionals;
  const alias = args.text('alias');
  if (alias !== undefined && positional !== undefined && alias !== positional)
    throw new OrlopError('invalid-argument', 'CLI_TWO_NAMES', `the image is named twice: ${positional} and --alias ${alias}`, {
      hint: 'leave out one',
    });
  const name = alias ?? positional;
  const { ref, snapshot } = parseSource(from);
  const [author, comment] = [args.text('author'), args.text('message')];
  const id = await (await client()).snapshots.publish(ref, {
    ...(name === undefined ? {} : { name }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(comment === undefined ? {} : { comment }),
    ...(author === undefined ? {} : { author }),
    changes: args.list('change'),
  });
  if (args.flag('json')) await printJson(io, { id, name: name ?? null });
  else await write(io.stdout, `${id}\n`);
  return exitCodes.ok;
};
