import { writeFile } from 'node:fs/promises';
import {
  dropUnused,
  formatYaml,
  hashService,
  imageOf,
  printProject,
  selectServices,
  sortedKeys,
  type Project,
  type Variable,
} from '#compose';
import type { Arguments } from '../../arguments/parse.ts';
import { usageError } from '../../arguments/usage-error.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { formatTable } from '../../render/table.ts';
import { readProject } from './project.ts';

/** What each of these flags prints, a line each. */
const listings: Readonly<Record<string, (project: Project) => readonly string[]>> = {
  services: ({ services }) => sortedKeys(services),
  volumes: ({ volumes }) => sortedKeys(volumes),
  networks: ({ networks }) => sortedKeys(networks),
  models: ({ models }) => sortedKeys(models).map((name) => models[name]?.model ?? name),
  profiles: ({ services, disabled }) =>
    [...new Set(Object.values({ ...services, ...disabled }).flatMap(({ profiles = [] }) => profiles))].sort(),
  images: (project) => sortedKeys(project.services).map((name) => imageOf(project, name)),
  environment: ({ environment }) => sortedKeys(environment).map((name) => `${name}=${environment[name] ?? ''}`),
};

/** `orlop compose config` */
export const composeConfig: Verb = async ({ args, io, command }) => {
  const variables = args.flag('variables') ? new Map<string, Variable>() : null;
  const interpolates = !args.flag('no-interpolate') && variables === null;
  const whole = await readProject(
    { args, io },
    {
      named: args.positionals,
      interpolates,
      normalizes: !args.flag('no-normalize'),
      resolvesPaths: !args.flag('no-path-resolution'),
      resolvesEnvironment: args.flag('no-env-resolution') ? 'labels' : true,
      checks: interpolates && !args.flag('no-consistency'),
      onVariable: variables === null ? undefined : (variable) => void variables.set(variable.name, variable),
    },
  );
  const format = args.flag('json') ? 'json' : (args.text('format') ?? 'yaml');
  if (format !== 'yaml' && format !== 'json') throw usageError(`unsupported format ${JSON.stringify(format)}`, command);
  const project = dropUnused(selectServices(whole, args.positionals));
  const text =
    variables === null ? describe(project, args, { format, interpolates }) : describeVariables(variables, args.text('format') ?? 'table');
  if (args.flag('quiet')) return exitCodes.ok;
  const file = args.text('output');
  await (file === undefined ? write(io.stdout, text) : writeFile(file, text));
  return exitCodes.ok;
};

function describeVariables(variables: ReadonlyMap<string, Variable>, format: string): string {
  const sorted = [...variables.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (format === 'json') {
    const shown = sorted.map(({ name, required, defaultValue, presenceValue }) => [
      name,
      { Name: name, DefaultValue: defaultValue, PresenceValue: presenceValue, Required: required },
    ]);
    return `${JSON.stringify(Object.fromEntries(shown), null, 4)}\n`;
  }
  if (format === 'yaml') {
    const shown = sorted.map(({ name, required, defaultValue: defaultvalue, presenceValue: presencevalue }) => [
      name,
      { name, defaultvalue, presencevalue, required },
    ]);
    return formatYaml(Object.fromEntries(shown)).replaceAll(/^ {2}/gm, '    ');
  }
  const rows = sorted.map(({ name, required, defaultValue, presenceValue }) => [name, String(required), defaultValue, presenceValue]);
  return formatTable([['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'], ...rows], 20);
}

function describe(project: Project, args: Arguments, { format, interpolates }: { format: 'yaml' | 'json'; interpolates: boolean }): string {
  const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('');
  const listing = Object.keys(listings).find((name) => args.flag(name));
  if (listing !== undefined) return lines(listings[listing]?.(project) ?? []);
  const hash = args.text('hash');
  if (hash !== undefined) {
    const { services } = selectServices(project, hash === '*' ? [] : hash.split(','), { dependencies: false });
    return lines(sortedKeys(services).map((name) => `${name} ${hashService(services[name] ?? {})}`));
  }
  const printed = printProject(project, format);
  const text = format === 'json' ? `${JSON.stringify(printed, null, 2)}\n` : formatYaml(printed);
  // What is printed can be read again: a dollar sign that is left is meant as such.
  return interpolates ? text.replaceAll('$', () => '$$') : text;
}
