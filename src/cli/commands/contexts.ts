import type { CommandSpec } from '../arguments/spec.ts';

const many = Number.POSITIVE_INFINITY;

const endpoint = {
  name: 'docker',
  kind: 'text',
  help: 'Where the engine is: host=ADDRESS[,ca=FILE,cert=FILE,key=FILE], or from=CONTEXT',
} as const;
const description = { name: 'description', kind: 'text', help: 'What it is, for people' } as const;

/** Names for engines, as Docker's command line keeps them. */
export const contextCommands: readonly CommandSpec[] = [
  {
    name: 'context create',
    summary: 'Give an engine a name',
    usage: '[OPTIONS] CONTEXT',
    flags: [endpoint, description, { name: 'from', kind: 'text', help: 'Take all of this context', completes: 'context' }],
    positionals: { min: 1, max: 1 },
    notes: () => 'Without --docker and --from it is the engine that is spoken to now.\n',
  },
  {
    name: 'context export',
    summary: 'Write a context to a file, keys included; Docker reads it, too',
    usage: 'CONTEXT [FILE|-]',
    flags: [],
    positionals: { min: 1, max: 2 },
    completes: 'context',
  },
  {
    name: 'context import',
    summary: "Read a context from a file that orlop's or Docker's context export wrote",
    usage: 'CONTEXT FILE|-',
    flags: [],
    positionals: { min: 2, max: 2 },
  },
  {
    name: 'context inspect',
    summary: 'Show all that is known of contexts',
    usage: '[OPTIONS] [CONTEXT...]',
    flags: [{ name: 'format', short: 'f', kind: 'text', help: 'json, or a template such as {{.Endpoints.docker.Host}}' }],
    positionals: { min: 0, max: many },
    completes: 'context',
  },
  {
    name: 'context ls',
    aliases: ['context list'],
    summary: 'List contexts',
    usage: '[OPTIONS]',
    flags: [
      { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Name}}' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Print names only' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'context rm',
    aliases: ['context remove'],
    summary: 'Forget contexts',
    usage: '[OPTIONS] CONTEXT [CONTEXT...]',
    flags: [{ name: 'force', short: 'f', kind: 'flag', help: 'Also the one in use; do not mind what is missing' }],
    positionals: { min: 1, max: many },
    completes: 'context',
  },
  {
    name: 'context show',
    summary: 'Print the name of the context in use',
    usage: '',
    flags: [],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'context update',
    summary: 'Change a context',
    usage: '[OPTIONS] CONTEXT',
    flags: [endpoint, description],
    positionals: { min: 1, max: 1 },
    completes: 'context',
  },
  {
    name: 'context use',
    summary: 'Speak to this engine from now on, where nothing else is said; default: as without contexts',
    usage: 'CONTEXT',
    flags: [],
    positionals: { min: 1, max: 1 },
    completes: 'context',
  },
];
