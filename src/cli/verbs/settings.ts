import { findSetting } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { editText } from '../terminal/editor.ts';
import { parseSettings } from '../values/settings.ts';

export const set: Verb = (invocation) => change(invocation, { set: parseSettings(invocation.args.positionals.slice(1)) });

export const unset: Verb = (invocation) => {
  const names = invocation.args.positionals.slice(1);
  for (const name of names) findSetting(name);
  return change(invocation, { unset: names });
};

async function change(
  { args, io, client }: Invocation,
  what: { readonly set: Readonly<Record<string, string>> } | { readonly unset: readonly string[] },
): Promise<number> {
  const [ref = ''] = args.positionals;
  const changed = await (await client()).settings.change(ref, { ...what, ...(args.flag('once') ? { once: true } : {}) });
  if (args.flag('json')) {
    await printJson(io, changed);
    return exitCodes.ok;
  }
  for (const warning of changed.warnings) await write(io.stderr, `WARNING: ${warning}\n`);
  const names = 'set' in what ? Object.keys(what.set) : what.unset;
  const later = names.filter((name) => changed.pending.includes(name));
  if (later.length > 0) await write(io.stderr, `From the next start on: ${later.join(', ')}\n`);
  return exitCodes.ok;
}

/** An empty line for what is not set, as LXD's. */
export const get: Verb = async ({ args, io, client }) => {
  const [ref = '', name = ''] = args.positionals;
  findSetting(name);
  const { settings } = await (await client()).settings.show(ref);
  const found = settings.find((one) => one.name === name);
  const value = args.flag('in-force') && found?.inForce !== undefined ? found.inForce : (found?.value ?? null);
  await (args.flag('json') ? printJson(io, { name, value }) : write(io.stdout, `${value ?? ''}\n`));
  return exitCodes.ok;
};

export const show: Verb = async ({ args, io, client }) => {
  const [ref = ''] = args.positionals;
  const { settings } = await client();
  if (args.flag('json')) await printJson(io, await settings.show(ref));
  else await write(io.stdout, await settings.readDocument(ref));
  return exitCodes.ok;
};

export const edit: Verb = async ({ args, io, client }) => {
  const [ref = ''] = args.positionals;
  const { settings } = await client();
  await editText(io, await settings.readDocument(ref), async (text) => {
    const { pending, warnings } = await settings.writeDocument(ref, text);
    for (const warning of warnings) await write(io.stderr, `WARNING: ${warning}\n`);
    if (pending.length > 0) await write(io.stderr, `From the next start on: ${pending.join(', ')}\n`);
  });
  return exitCodes.ok;
};
