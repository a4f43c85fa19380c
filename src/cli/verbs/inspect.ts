import type { Client } from '#client';
import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import { wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { reportError } from '../render/error.ts';
import { printJson } from '../render/json.ts';
import { suggestName } from '../suggest-names.ts';
import { parseTemplate } from '../render/template.ts';
import { asStructure, type StructureName } from '../render/template/structures.ts';

export const inspect: Verb = (invocation) => {
  const type = invocation.args.text('type') ?? '';
  if (type !== '' && !Object.hasOwn(looks, type)) throw wrongWords(`"${type}" is not a valid value for --type`, invocation.command);
  return inspectAll(invocation, type);
};

export const inspectContainers: Verb = (invocation) => inspectAll(invocation, 'container');

export const inspectImages: Verb = (invocation) => inspectAll(invocation, 'image');

export const inspectNetworks: Verb = (invocation) => inspectAll(invocation, 'network');

export const inspectVolumes: Verb = (invocation) => inspectAll(invocation, 'volume');

/** What was found is shown even when something else was not. */
async function inspectAll({ args, io, client }: Invocation, type: string): Promise<number> {
  const format = args.text('format');
  const template = format === undefined || format === 'json' ? null : parseTemplate(format);
  const engine = await client();
  const found: Found[] = [];
  const failures: unknown[] = [];
  for (const ref of args.positionals) {
    try {
      found.push(await inspectOne(engine, ref, { type, size: args.flag('size'), platform: args.text('platform') }));
    } catch (error) {
      if (!isOrlopError(error, 'not-found')) throw error;
      failures.push(error);
    }
  }
  const items = found.map(({ item }) => item);
  if (args.flag('json')) await printJson(io, items);
  else if (template !== null) for (const { item, kind } of found) await write(io.stdout, `${template.render(asStructure(item, kind))}\n`);
  else await write(io.stdout, `${format === 'json' ? JSON.stringify(items) : JSON.stringify(items, null, 4)}\n`);
  for (const failure of failures) await reportError(io, await suggestName(toOrlopError(failure), engine, args.positionals));
  return failures.length === 0 ? exitCodes.ok : exitCodes.failure;
}

interface Look {
  /** Of containers: how much they have written. */
  readonly size: boolean;
  /** Of images for several platforms. */
  readonly platform: string | undefined;
}

interface Found {
  readonly item: unknown;
  readonly kind: StructureName;
}

const structures: Readonly<Record<string, StructureName>> = {
  container: 'Container',
  image: 'Image',
  network: 'Network',
  volume: 'Volume',
};

/** Where a name is looked up, in this order. */
const looks: Readonly<Record<string, (engine: Client, ref: string, how: Look) => Promise<unknown>>> = {
  container: (engine, ref, { size }) => engine.containers.inspect(ref, { size }),
  image: (engine, ref, { platform }) => engine.images.inspect(ref, { platform }),
  network: (engine, ref) => engine.networks.inspect(ref),
  volume: (engine, ref) => engine.volumes.inspect(ref),
};

async function inspectOne(engine: Client, ref: string, { type, ...how }: Look & { readonly type: string }): Promise<Found> {
  for (const [kind, look] of Object.entries(looks)) {
    if (type !== '' && type !== kind) continue;
    try {
      return { item: await look(engine, ref, how), kind: structures[kind] ?? 'Nothing' };
    } catch (error) {
      if (!isOrlopError(error, 'not-found')) throw error;
    }
  }
  throw new OrlopError('not-found', 'CLI_NO_SUCH_OBJECT', `No such ${type === '' ? 'object' : type}: ${ref}`, {
    hint: 'orlop ps -a and orlop images list what there is',
  });
}
