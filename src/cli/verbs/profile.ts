import type { Client } from '#client';
import { OrlopError } from '#errors';
import { findSetting, type ProfileChange } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { editText } from '../terminal/editor.ts';
import { parseSettings } from '../values/settings.ts';
import { forEach } from './each.ts';

export const listProfiles: Verb = async ({ args, io, client }) => {
  const profiles = await (await client()).profiles.list();
  if (args.flag('json')) await printJson(io, profiles);
  else if (args.flag('quiet')) await write(io.stdout, profiles.map(({ name }) => `${name}\n`).join(''));
  else {
    const rows = profiles.map(({ name, description, settings, usedBy }) => ({
      Name: name,
      Description: description,
      Settings: String(Object.keys(settings).length),
      Containers: String(usedBy.length),
    }));
    const columns = ['Name', 'Settings', 'Containers', 'Description'];
    await write(io.stdout, formatList(rows, { format: args.text('format'), columns, headers: {} }));
  }
  return exitCodes.ok;
};

export const createProfile: Verb = (invocation) => {
  const { args } = invocation;
  const description = args.text('description');
  const set = parseSettings(args.positionals.slice(1));
  return change(invocation, { create: true, set, ...(description === undefined ? {} : { description }) });
};

export const setProfile: Verb = (invocation) => change(invocation, { set: parseSettings(invocation.args.positionals.slice(1)) });

export const unsetProfile: Verb = (invocation) => {
  const names = invocation.args.positionals.slice(1);
  for (const name of names) findSetting(name);
  return change(invocation, { unset: names });
};

async function change({ args, io, client }: Invocation, what: ProfileChange): Promise<number> {
  const changed = await (await client()).profiles.change(args.positionals[0] ?? '', what);
  if (args.flag('json')) await printJson(io, changed);
  else for (const warning of changed.warnings) await write(io.stderr, `WARNING: ${warning}\n`);
  return exitCodes.ok;
}

export const showProfile: Verb = async ({ args, io, client }) => {
  const { profiles } = await client();
  const [name = ''] = args.positionals;
  if (args.flag('json')) await printJson(io, await profiles.inspect(name));
  else await write(io.stdout, await profiles.readDocument(name));
  return exitCodes.ok;
};

export const editProfile: Verb = async ({ args, io, client }) => {
  const { profiles } = await client();
  const [name = ''] = args.positionals;
  await editText(io, await profiles.readDocument(name), async (text) => {
    const { warnings } = await profiles.writeDocument(name, text);
    for (const warning of warnings) await write(io.stderr, `WARNING: ${warning}\n`);
  });
  return exitCodes.ok;
};

export const removeProfiles: Verb = async (invocation) => {
  const { profiles } = await invocation.client();
  return forEach(invocation, async (name) => {
    await profiles.remove(name);
    return name;
  });
};

export const assignProfiles: Verb = (invocation) => give(invocation, () => invocation.args.positionals.slice(1));

export const addProfile: Verb = (invocation) => {
  const [, wanted = ''] = invocation.args.positionals;
  return give(invocation, (has) => [...has.filter((name) => name !== wanted), wanted]);
};

export const takeProfile: Verb = (invocation) => {
  const [ref = '', unwanted = ''] = invocation.args.positionals;
  return give(invocation, (has) => {
    if (has.includes(unwanted)) return has.filter((name) => name !== unwanted);
    throw new OrlopError('not-found', 'CLI_NOT_ITS_PROFILE', `container ${ref} has no profile ${unwanted}`, {
      hint: has.length === 0 ? 'it has none' : `it has ${has.join(', ')}`,
    });
  });
};

async function give(invocation: Invocation, choose: (has: readonly string[]) => readonly string[]): Promise<number> {
  const { args, io } = invocation;
  const [ref = ''] = args.positionals;
  const engine: Client = await invocation.client();
  const { profiles } = await engine.settings.show(ref);
  const changed = await engine.settings.change(ref, { profiles: choose(profiles) });
  if (args.flag('json')) await printJson(io, changed);
  else for (const warning of changed.warnings) await write(io.stderr, `WARNING: ${warning}\n`);
  return exitCodes.ok;
}
