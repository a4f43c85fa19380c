import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';
import { refuse } from './refused.ts';

const many = Number.POSITIVE_INFINITY;

const platform: FlagSpec = {
  name: 'platform',
  kind: 'text',
  help: 'Of an image for several, the one for this processor (os/arch[/variant])',
};

export const otherCommands: readonly CommandSpec[] = [
  {
    name: 'images',
    summary: 'List images',
    usage: '[OPTIONS] [REPOSITORY[:TAG]]',
    flags: [
      { name: 'all', short: 'a', kind: 'flag', help: 'Show images without a name too' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Print ids only' },
      { name: 'filter', short: 'f', kind: 'list', help: 'Show only what fits (name=value)' },
      { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Repository}}' },
      { name: 'no-trunc', kind: 'flag', help: 'Print whole ids' },
      { name: 'digests', kind: 'flag', help: 'Show digests too' },
      { name: 'tree', kind: 'flag', help: 'Show each image once, under all its names' },
    ],
    positionals: { min: 0, max: 1 },
    completes: 'image',
  },
  {
    name: 'history',
    summary: 'Show the steps that an image was made in',
    usage: '[OPTIONS] IMAGE',
    flags: [
      { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.CreatedBy}}' },
      { name: 'human', short: 'H', kind: 'flag', help: 'Round sizes and times (default true)' },
      { name: 'no-trunc', kind: 'flag', help: 'Print whole ids and commands' },
      platform,
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Print ids only' },
    ],
    positionals: { min: 1, max: 1 },
    completes: 'image',
  },
  {
    name: 'image inspect',
    summary: 'Show all that is known of images',
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    flags: [{ name: 'format', short: 'f', kind: 'text', help: 'json, or a template such as {{.Config.Env}}' }, platform],
    positionals: { min: 1, max: Number.POSITIVE_INFINITY },
    completes: 'image',
  },
  {
    name: 'image prune',
    summary: 'Remove images that nothing uses',
    usage: '[OPTIONS]',
    flags: [
      { name: 'all', short: 'a', kind: 'flag', help: 'Also images that have a name' },
      { name: 'filter', kind: 'list', help: 'Only what fits (until=24h, label=name=value)' },
      { name: 'force', short: 'f', kind: 'flag', help: 'Do not ask' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'rmi',
    summary: 'Remove images',
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    flags: [
      { name: 'force', short: 'f', kind: 'flag', help: 'Even if a container uses it' },
      { name: 'no-prune', kind: 'flag', help: 'Keep untagged parents (there are none: an image here is whole by itself)' },
      refuse('platform', 'a name is of one platform here: the whole image goes', 'list'),
    ],
    positionals: { min: 1, max: many },
    completes: 'image',
  },
  {
    name: 'tag',
    summary: 'Give an image a further name',
    usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
    flags: [],
    positionals: { min: 2, max: 2 },
    completes: 'image',
  },
  {
    name: 'import',
    summary: 'Make an image from a tar of a root file system',
    usage: '[OPTIONS] FILE|- [REPOSITORY[:TAG]]',
    flags: [
      { name: 'change', short: 'c', kind: 'list', help: 'Apply a Dockerfile instruction to the image' },
      { name: 'message', short: 'm', kind: 'text', help: 'Note for the history' },
      { name: 'platform', kind: 'text', help: "What it is for (os/arch[/variant]; default: the engine's)" },
    ],
    positionals: { min: 1, max: 2 },
  },
  {
    name: 'template list',
    aliases: ['template ls'],
    summary: 'List the recipes for base images',
    usage: '[OPTIONS]',
    flags: [{ name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Name}}' }],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'template build',
    summary: "Build base images from a distribution's packages",
    usage: '[OPTIONS] TEMPLATE [TEMPLATE...]',
    flags: [
      { name: 'rebuild', kind: 'flag', help: 'Even if it has been built' },
      { name: 'mirror', kind: 'text', value: 'address', help: 'Take packages from this mirror, or from a snapshot of one' },
      { name: 'stale-mirror', kind: 'flag', help: 'Even if its package lists are out of date' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Show no progress' },
    ],
    positionals: { min: 1, max: many },
    completes: 'template',
  },
  {
    name: 'events',
    summary: 'Show what happens in the engine, as it happens',
    usage: '[OPTIONS]',
    flags: [
      { name: 'filter', short: 'f', kind: 'list', help: 'Show only what fits (name=value)' },
      { name: 'format', kind: 'text', help: 'json, or a template such as {{.Action}}' },
      { name: 'since', kind: 'text', value: 'time', help: 'From a time or an age' },
      { name: 'until', kind: 'text', value: 'time', help: 'Up to a time or an age' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'doctor',
    summary: 'Look for what is in the way of containers on this host: kernel, firewall',
    usage: '[OPTIONS]',
    flags: [
      { name: 'all', short: 'a', kind: 'flag', help: 'Show also what is as it should be' },
      { name: 'format', kind: 'text', help: 'json' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'info',
    summary: 'Show what the engine and its host are like',
    usage: '[OPTIONS]',
    flags: [{ name: 'format', short: 'f', kind: 'text', help: 'json, or a template such as {{.kernel}}' }],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'version',
    summary: 'Show the versions of this program and of the engine',
    usage: '[OPTIONS]',
    flags: [{ name: 'format', short: 'f', kind: 'text', help: 'json, or a template such as {{.Server.Version}}' }],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'completion',
    summary: 'Print a completion script for a shell',
    usage: 'bash|zsh|fish',
    flags: [],
    positionals: { min: 1, max: 1 },
  },
  { name: 'help', summary: 'Show help for a command', usage: '[COMMAND]', flags: [], positionals: { min: 0, max: 2 } },
];
