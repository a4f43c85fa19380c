import { OrlopError, toOrlopError } from '#errors';
import { hostOfDefault, type ChosenEngine } from '../contexts/choose.ts';
import { checkEndpoint, readEndpoint } from '../contexts/endpoint.ts';
import {
  formatMeta,
  isContextName,
  listContextNames,
  placeOf,
  readContext,
  readCurrent,
  removeContext,
  writeContext,
  writeCurrent,
  type Context,
} from '../contexts/store.ts';
import { wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation, Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { reportError } from '../render/error.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { parseTemplate } from '../render/template.ts';

const columns = ['Name', 'Description', 'DockerEndpoint', 'Error'];
const headers = { DockerEndpoint: 'DOCKER ENDPOINT' };

export const createContext: Verb = async (invocation) => {
  const { args, io, chosen } = invocation;
  const [name = ''] = args.positionals;
  checkNewName(invocation, name);
  const [docker, from] = [args.text('docker'), args.text('from')];
  if (docker !== undefined && from !== undefined) throw wrongWords('cannot use --docker flag when --from is set');
  const origin = from === undefined || from === 'default' ? ofChosen(chosen) : readContext(io.env, from);
  const endpoint = docker === undefined ? origin : readEndpoint(io.env, docker);
  writeContext(io.env, { name, description: args.text('description') ?? '', host: endpoint.host, tls: endpoint.tls });
  return say(invocation, name, `Successfully created context ${JSON.stringify(name)}`);
};

export const updateContext: Verb = async (invocation) => {
  const { args, io } = invocation;
  const [name = ''] = args.positionals;
  const before = readContext(io.env, name);
  const docker = args.text('docker');
  const endpoint = docker === undefined ? before : readEndpoint(io.env, docker);
  writeContext(io.env, { ...before, ...endpoint, name, description: args.text('description') ?? before.description });
  return say(invocation, name, `Successfully updated context ${JSON.stringify(name)}`);
};

export const useContext: Verb = async (invocation) => {
  const { args, io } = invocation;
  const [name = ''] = args.positionals;
  if (name !== 'default') readContext(io.env, name);
  writeCurrent(io.env, name);
  const code = await say(invocation, name, `Current context is now ${JSON.stringify(name)}`);
  if (name !== 'default') await warnOfHost(invocation);
  return code;
};

export const showContext: Verb = async ({ args, io, chosen }) => {
  await (args.flag('json') ? printJson(io, { Name: chosen.context }) : write(io.stdout, `${chosen.context}\n`));
  return exitCodes.ok;
};

export const listContexts: Verb = async (invocation) => {
  const { args, io, chosen } = invocation;
  const rows = ['default', ...listContextNames(io.env)].map((name) => rowOf(invocation, name));
  const format = args.text('format');
  if (args.flag('json')) await printJson(io, rows);
  else if (args.flag('quiet')) await write(io.stdout, rows.map(({ Name }) => `${Name}\n`).join(''));
  else {
    const isTable = format === undefined || format === 'table';
    const marked = isTable ? rows.map((row) => ({ ...row, Name: row.Current ? `${row.Name} *` : row.Name })) : rows;
    await write(io.stdout, formatList(marked, { format, columns, headers }));
    if (isTable && readCurrent(io.env) !== chosen.context) await warnOfHost(invocation);
  }
  return exitCodes.ok;
};

export const inspectContexts: Verb = async (invocation) => {
  const { args, io, chosen } = invocation;
  const names = args.positionals.length === 0 ? [chosen.context] : args.positionals;
  const items = names.map((name) => describe(invocation, name));
  const format = args.text('format');
  if (args.flag('json')) await printJson(io, items);
  else if (format !== undefined && format !== 'json') {
    const template = parseTemplate(format);
    for (const item of items) await write(io.stdout, `${template.render(item)}\n`);
  } else await write(io.stdout, `${format === 'json' ? JSON.stringify(items) : JSON.stringify(items, null, 4)}\n`);
  return exitCodes.ok;
};

/** One that cannot be removed keeps no other from going. */
export const removeContexts: Verb = async ({ args, io }) => {
  const force = args.flag('force');
  const current = readCurrent(io.env);
  const removed: string[] = [];
  let code: number = exitCodes.ok;
  for (const name of args.positionals) {
    try {
      removeOne(io.env, name, { current, force });
      removed.push(name);
      if (!args.flag('json')) await write(io.stdout, `${name}\n`);
    } catch (error) {
      code = exitCodes.failure;
      await reportError(io, toOrlopError(error));
    }
  }
  if (args.flag('json')) await printJson(io, removed);
  return code;
};

function removeOne(
  env: Invocation['io']['env'],
  name: string,
  { current, force }: { readonly current: string; readonly force: boolean },
): void {
  if (name === 'default') throw new OrlopError('failed-precondition', 'CLI_CONTEXT', 'context "default" cannot be removed');
  const isInUse = name === current;
  if (isInUse && !force)
    throw new OrlopError('conflict', 'CLI_CONTEXT', `context ${JSON.stringify(name)} is in use, set -f flag to force remove`);
  if (isContextName(name) && (!force || listContextNames(env).includes(name))) removeContext(env, name);
  else if (!force) readContext(env, name);
  if (isInUse) writeCurrent(env, 'default');
}

/** Fails for a name that another context has, and for none. */
export function checkNewName({ io }: Invocation, name: string): void {
  if (name === 'default') throw wrongWords('"default" is a reserved context name');
  if (!isContextName(name))
    throw wrongWords(
      `context name ${JSON.stringify(name)} is invalid: two characters or more, letters, digits and _ . + -, the first a letter or digit`,
    );
  if (listContextNames(io.env).includes(name))
    throw new OrlopError('already-exists', 'CLI_CONTEXT', `context ${JSON.stringify(name)} already exists`, {
      hint: `change it with: orlop context update ${name}`,
    });
}

/** The name for programs on the standard output, the sentence for people beside it. */
export async function say({ args, io }: Invocation, name: string, sentence: string): Promise<number> {
  await (args.flag('json') ? printJson(io, { Name: name }) : write(io.stdout, `${name}\n`));
  await write(io.stderr, `${sentence}\n`);
  return exitCodes.ok;
}

/** The engine that is spoken to now, as a context of its own. */
function ofChosen(chosen: ChosenEngine): Pick<Context, 'host' | 'tls'> {
  const { ca, cert, key } = chosen.tls() ?? {};
  const files = Object.entries({ 'ca.pem': ca, 'cert.pem': cert, 'key.pem': key }).filter(([, text]) => text !== undefined);
  return checkEndpoint(chosen.host(), Object.fromEntries(files));
}

async function warnOfHost({ io }: Invocation): Promise<void> {
  if (!io.env['ORLOP_HOST']) return;
  await write(io.stderr, 'Warning: ORLOP_HOST overrides the context in use: unset it, or name the context with --context\n');
}

interface ContextRow {
  readonly [field: string]: string | boolean;
  readonly Name: string;
  readonly Current: boolean;
}

function rowOf({ io, chosen }: Invocation, name: string): ContextRow {
  const Current = name === chosen.context;
  try {
    const { description, host } =
      name === 'default' ? { description: ofDefault, host: hostOfDefault(io.env, chosen) } : readContext(io.env, name);
    return { Current, Description: description, DockerEndpoint: host, Error: '', Name: name };
  } catch (error) {
    return { Current, Description: '', DockerEndpoint: '', Error: toOrlopError(error).message, Name: name };
  }
}

const ofDefault = 'Current ORLOP_HOST based configuration';

function describe({ io, chosen }: Invocation, name: string): Readonly<Record<string, unknown>> {
  const inMemory = '<IN MEMORY>';
  if (name === 'default') {
    const host = hostOfDefault(io.env, chosen);
    const meta = JSON.parse(formatMeta({ name, description: '', host, tls: {} })) as Record<string, unknown>;
    return { ...meta, TLSMaterial: {}, Storage: { MetadataPath: inMemory, TLSPath: inMemory } };
  }
  const context = readContext(io.env, name);
  const place = placeOf(io.env, name);
  const material = Object.keys(context.tls);
  return {
    ...(JSON.parse(formatMeta(context)) as Record<string, unknown>),
    TLSMaterial: material.length === 0 ? {} : { docker: material },
    Storage: { MetadataPath: place, TLSPath: `${place}/tls` },
  };
}
