import type { CommandSpec } from '../arguments/spec.ts';

/** The command that is called most, in a file of its own: it is found without making the whole table, which takes half a millisecond. */
export const listContainers: CommandSpec = {
  name: 'ps',
  summary: 'List containers',
  usage: '[OPTIONS]',
  flags: [
    { name: 'all', short: 'a', kind: 'flag', help: 'Show all, not only the running ones' },
    { name: 'quiet', short: 'q', kind: 'flag', help: 'Print ids only' },
    { name: 'last', short: 'n', kind: 'integer', help: 'Show the last created N, whatever their state' },
    { name: 'latest', short: 'l', kind: 'flag', help: 'Show the last created one, whatever its state' },
    { name: 'size', short: 's', kind: 'flag', help: 'Show how much each has written' },
    { name: 'filter', short: 'f', kind: 'list', help: 'Show only what fits (name=value)' },
    { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Names}}' },
    { name: 'no-trunc', kind: 'flag', help: 'Print whole ids and commands' },
  ],
  positionals: { min: 0, max: 0 },
};

export const listWithKinds: CommandSpec = {
  ...listContainers,
  name: 'ls',
  aliases: ['list'],
  summary: 'List containers with their kinds: apps and machines',
};
