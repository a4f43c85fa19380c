import { OrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';

/** `box/before` is the snapshot `before` of `box`. A leading slash is part of Docker's way to write names. */
export function parseSource(text: string): { readonly ref: string; readonly snapshot?: string } {
  const slash = text.indexOf('/', 1);
  return slash < 0 ? { ref: text } : { ref: text.slice(0, slash), snapshot: text.slice(slash + 1) };
}

export const copy: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const [from = '', name] = args.positionals;
  if (name !== undefined) refuseHost(name);
  const { ref, snapshot } = parseSource(from);
  const to = args.text('to');
  if (to !== undefined) {
    if (snapshot !== undefined || args.flag('ephemeral'))
      throw new OrlopError('invalid-argument', 'CLI_WHOLE_ONLY', 'to another engine a container goes whole, with all its snapshots', {
        hint: 'make a copy here first, and send that',
      });
    const sent = await send(invocation, ref, { to, ...(name === undefined ? {} : { name }), start: args.flag('start') });
    if (args.flag('json')) await printJson(io, sent);
    else await write(io.stdout, `${sent.name}\n`);
    return exitCodes.ok;
  }
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

/** To another engine only a container that does not run: what it wrote after it was read would be lost. */
export const move: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const [ref = '', name = ''] = args.positionals;
  refuseHost(name);
  const to = args.text('to');
  if (to === undefined) await (await client()).containers.rename(ref, name);
  else await moveAway(invocation, ref, { to, name });
  if (args.flag('json')) await printJson(io, { Name: name });
  return exitCodes.ok;
};

async function moveAway(invocation: Invocation, ref: string, { to, name }: { readonly to: string; readonly name: string }): Promise<void> {
  const { containers } = await invocation.client();
  const { State: state, Id: id } = await containers.inspect(ref);
  if (state.Running)
    throw new OrlopError('conflict', 'CLI_MOVES_STOPPED', `container ${ref} is running: what it writes from now on would stay behind`, {
      hint: `stop it with: orlop stop ${ref}`,
    });
  await send(invocation, id, { to, name, start: false });
  await containers.remove(id);
}

/** Through this program, as one stream from the one engine to the other. */
async function send(
  { client }: Pick<Invocation, 'client'>,
  ref: string,
  { to, name, start }: { readonly to: string; readonly name?: string; readonly start: boolean },
): Promise<{ id: string; name: string }> {
  if (!to.startsWith('unix://'))
    throw new OrlopError(
      'unimplemented',
      'CLI_OTHER_HOST',
      `${to} cannot be sent to directly: only engines behind a socket of this machine can`,
      {
        hint: 'orlop backup create CONTAINER | ssh HOST orlop backup restore -',
      },
    );
  const { connect } = await import('#client');
  const { snapshots } = await client();
  using other = connect({ host: to });
  const made = await other.snapshots.restoreBackup(snapshots.backup(ref), name === undefined ? {} : { name });
  if (start) await other.containers.start(made.id);
  return made;
}

/** As LXD writes other hosts: `host:`, `host:name`. */
function refuseHost(name: string): void {
  if (!name.includes(':')) return;
  throw new OrlopError('unimplemented', 'CLI_OTHER_HOST', `${JSON.stringify(name)}: engines have no names here`, {
    hint: 'name its socket with --to unix:///…, or: orlop backup create CONTAINER | ssh HOST orlop backup restore -',
  });
}

export const rebuild: Verb = async ({ args, io, client }) => {
  const [ref = '', image = ''] = args.positionals;
  await (await client()).snapshots.rebuild(ref, { image, keep: args.list('keep'), restart: args.flag('restart') });
  if (args.flag('json')) await printJson(io, { name: ref, image });
  return exitCodes.ok;
};

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
