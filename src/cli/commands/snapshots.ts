import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';

const expires: FlagSpec = { name: 'expires', kind: 'text', value: 'time', help: 'Remove it after this long (7d, 12h); never: keep it' };

/** Containers as they were. */
export const snapshotCommands: readonly CommandSpec[] = [
  {
    name: 'snapshot',
    summary: 'Keep a container as it is now, or set when that is done by itself',
    usage: '[OPTIONS] CONTAINER [NAME]',
    flags: [
      { name: 'comment', short: 'm', kind: 'text', help: 'Note for those who look at it later' },
      expires,
      { name: 'schedule', kind: 'text', value: 'cron', help: "Take snapshots by themselves ('*/30 * * * *', @daily); off: no more" },
      { name: 'pattern', kind: 'text', help: "Names of those that get none ('snap%d', 'auto-{date}_{time}')" },
    ],
    positionals: { min: 1, max: 2 },
    completes: 'container',
  },
  {
    name: 'snapshots',
    aliases: ['snapshot ls', 'snapshot list'],
    summary: 'List the snapshots of a container',
    usage: '[OPTIONS] CONTAINER',
    flags: [
      { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Name}}' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Only names' },
      { name: 'tree', kind: 'flag', help: 'Show which was made on top of which' },
    ],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'restore',
    aliases: ['snapshot restore'],
    summary: 'Bring a container back to a snapshot',
    usage: '[OPTIONS] CONTAINER NAME',
    flags: [
      { name: 'restart', short: 'f', kind: 'flag', help: 'Stop a running container, and start it again afterwards' },
      { name: 'force', kind: 'flag', help: 'The same', aliasOf: 'restart' },
    ],
    positionals: { min: 2, max: 2 },
    completes: 'container',
  },
  {
    name: 'snapshot rm',
    aliases: ['snapshot remove'],
    summary: 'Remove snapshots of a container',
    usage: 'CONTAINER NAME [NAME...]',
    flags: [],
    positionals: { min: 2, max: Number.POSITIVE_INFINITY },
    completes: 'container',
  },
  {
    name: 'snapshot rename',
    summary: 'Rename a snapshot of a container',
    usage: 'CONTAINER NAME NEW_NAME',
    flags: [],
    positionals: { min: 3, max: 3 },
    completes: 'container',
  },
  {
    name: 'snapshot update',
    summary: 'Change the note of a snapshot, or when it goes',
    usage: '[OPTIONS] CONTAINER NAME',
    flags: [{ name: 'comment', short: 'm', kind: 'text', help: 'Note for those who look at it later' }, expires],
    positionals: { min: 2, max: 2 },
    completes: 'container',
  },
  {
    name: 'copy',
    summary: 'Make another container of one, or of its snapshot, with all that is in it',
    usage: '[OPTIONS] CONTAINER[/SNAPSHOT] [NAME]',
    flags: [
      { name: 'ephemeral', short: 'e', kind: 'flag', help: 'The copy goes at its end' },
      { name: 'start', kind: 'flag', help: 'Start it' },
      { name: 'to', kind: 'text', value: 'host', help: 'Make it on another engine (unix:///run/other.sock), with its snapshots' },
    ],
    positionals: { min: 1, max: 2 },
    completes: 'container',
  },
  {
    name: 'move',
    summary: 'Give a container another name, or bring it to another engine',
    usage: '[OPTIONS] CONTAINER NAME',
    flags: [{ name: 'to', kind: 'text', value: 'host', help: 'Address of that engine (unix:///run/other.sock); from here it goes' }],
    positionals: { min: 2, max: 2 },
    completes: 'container',
  },
  {
    name: 'rebuild',
    summary: 'Put a container on another image, with its settings, networks and mounts',
    usage: '[OPTIONS] CONTAINER IMAGE',
    flags: [
      { name: 'keep', kind: 'list', value: 'path', help: 'A file or directory that stays as it is (may be repeated)' },
      { name: 'restart', short: 'f', kind: 'flag', help: 'Stop a running container, and start it again afterwards' },
    ],
    positionals: { min: 2, max: 2 },
    completes: ['container', 'image'],
  },
  {
    name: 'publish',
    summary: 'Make an image of a container, or of its snapshot',
    usage: '[OPTIONS] CONTAINER[/SNAPSHOT] [REPOSITORY[:TAG]]',
    flags: [
      { name: 'alias', kind: 'text', value: 'name', help: 'Name of the image' },
      { name: 'author', short: 'a', kind: 'text', help: 'Who made it' },
      { name: 'change', short: 'c', kind: 'list', help: 'Apply a Dockerfile instruction to the image' },
      { name: 'message', short: 'm', kind: 'text', help: 'Note for the history' },
    ],
    positionals: { min: 1, max: 2 },
    completes: 'container',
  },
  {
    name: 'backup create',
    summary: 'Write a container with its snapshots to one file',
    usage: '[OPTIONS] CONTAINER',
    flags: [{ name: 'output', short: 'o', kind: 'text', value: 'file', help: 'Write to a file instead of standard output' }],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'backup restore',
    summary: 'Make a container of such a file',
    usage: 'FILE|- [NAME]',
    flags: [],
    positionals: { min: 1, max: 2 },
  },
];
