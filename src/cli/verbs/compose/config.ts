import { writeFile } from 'node:fs/promises';
import { dropUnused, formatYaml, hashService, imageOf, printProject, selectServices, sortedKeys, type Project } from '#compose';
import type { Arguments } from '../../arguments/parse.ts';
import { usageError } from '../../arguments/usage-error.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { readProject } from './project.ts';

/** What each of these flags prints, a line each. */
const listings: Readonly<Record<string, (project: Project) => readonly string[]>> = {
  services: ({ services }) => sortedKeys(services),
  volumes: ({ volumes }) => sortedKeys(volumes),
  networks: ({ networks }) => sortedKeys(networks),
  models: ({ models }) => sortedKeys(models),
  profiles: ({ services, disabled }) =>
    [...new Set(Object.values({ ...services, ...disabled }).flatMap(({ profiles = [] }) => profiles))].sort(),
  images: (project) => sortedKeys(project.services).map((name) => imageOf(project, name)),
  environment: ({ environment }) => sortedKeys(environment).map((name) => `${name}=${environment[name] ?? ''}`),
};

/** `orlop compose config` */
export const composeConfig: Verb = async ({ args, io, command }) => {
  const interpolates = !args.flag('no-interpolate');
  const whole = await readProject(
    { args, io },
    {
      named: args.positionals,
      interpolates,
      normalizes: !args.flag('no-normalize'),
      resolvesPaths: !args.flag('no-path-resolution'),
      resolvesEnvironment: args.flag('no-env-resolution') ? 'labels' : true,
      checks: interpolates && !args.flag('no-consistency'),
    },
  );
  const format = args.flag('json') ? 'json' : (args.text('format') ?? 'yaml');
  if (format !== 'yaml' && format !== 'json') throw usageError(`unsupported format ${JSON.stringify(format)}`, command);
  const project = dropUnused(selectServices(whole, args.positionals));
  const text = describe(project, args, { format, interpolates });
  if (args.flag('quiet')) return exitCodes.ok;
  const file = args.text('output');
  await (file === undefined ? write(io.stdout, text) : writeFile(file, text));
  return exitCodes.ok;
};

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
