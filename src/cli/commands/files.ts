import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';

const many = Number.POSITIVE_INFINITY;
const recursive: FlagSpec = { name: 'recursive', short: 'r', kind: 'flag', help: 'Directories with all that is in them' };
const createDirs: FlagSpec = { name: 'create-dirs', short: 'p', kind: 'flag', help: 'Make the directories that are missing before it' };
const owner: readonly FlagSpec[] = [
  { name: 'uid', kind: 'integer', value: 'number', help: 'Owner, as the container numbers its users (default: as it has)' },
  { name: 'gid', kind: 'integer', value: 'number', help: 'Group, likewise' },
  { name: 'mode', kind: 'text', value: 'octal', help: 'Permissions, such as 0640' },
];

/** Single files and trees of containers, running or stopped. */
export const fileCommands: readonly CommandSpec[] = [
  {
    name: 'file push',
    summary: 'Put files into a container, running or stopped; - is the standard input',
    usage: '[OPTIONS] FILE|- [FILE...] CONTAINER/PATH',
    flags: [recursive, createDirs, ...owner],
    positionals: { min: 2, max: many },
  },
  {
    name: 'file pull',
    summary: 'Take files out of a container; - is the standard output',
    usage: '[OPTIONS] CONTAINER/PATH [CONTAINER/PATH...] FILE|-',
    flags: [recursive, { ...createDirs, help: 'Make the directories that are missing here' }],
    positionals: { min: 2, max: many },
    completes: 'container',
  },
  {
    name: 'file edit',
    summary: 'Edit a file of a container ($VISUAL, $EDITOR, or vi)',
    usage: 'CONTAINER/PATH',
    flags: [],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'file ls',
    aliases: ['file list'],
    summary: 'List what is in a directory of a container',
    usage: '[OPTIONS] CONTAINER[/PATH] [CONTAINER[/PATH]...]',
    flags: [],
    positionals: { min: 1, max: many },
    completes: 'container',
  },
  {
    name: 'file rm',
    aliases: ['file delete'],
    summary: 'Remove files of a container',
    usage: '[OPTIONS] CONTAINER/PATH [CONTAINER/PATH...]',
    flags: [recursive, { name: 'force', short: 'f', kind: 'flag', help: 'Do not mind what is missing' }],
    positionals: { min: 1, max: many },
    completes: 'container',
  },
  {
    name: 'file mkdir',
    summary: 'Make directories in a container',
    usage: '[OPTIONS] CONTAINER/PATH [CONTAINER/PATH...]',
    flags: [createDirs, ...owner],
    positionals: { min: 1, max: many },
    completes: 'container',
  },
];
