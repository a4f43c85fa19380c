import { deviceTypes, settingKeys } from '#wire';
import { formatRows } from '../arguments/help.ts';
import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';

const many = Number.POSITIVE_INFINITY;
const once: FlagSpec = { name: 'once', kind: 'flag', help: 'Only of the running container, and forgotten at its end' };

/** The keys, from their one table. */
function describeKeys(): string {
  const rows = settingKeys.map(({ name, isFamily, value, summary, holds }): [string, string] => [
    `  ${name}${isFamily === true ? 'NAME' : ''}=${value}`,
    `${summary}${holds === 'start' ? ' (from its next start)' : ''}`,
  ]);
  return `Settings:\n${formatRows(rows)}`;
}

function describeDevices(): string {
  const rows = deviceTypes.flatMap(({ name, summary, keys, required }): [string, string][] => [
    [`  ${name}`, summary],
    ...Object.entries(keys).map(([key, value]): [string, string] => [`    ${key}=`, `${value}${required.includes(key) ? '; needed' : ''}`]),
  ]);
  return `Types:\n${formatRows(rows)}`;
}

/** What containers are held to and given, and profiles. */
export const settingCommands: readonly CommandSpec[] = [
  {
    name: 'set',
    summary: 'Change settings of a container, running or not: all of them, or none',
    usage: '[OPTIONS] CONTAINER KEY=VALUE [KEY=VALUE...]',
    flags: [once],
    positionals: { min: 2, max: many },
    completes: ['container', 'setting'],
    notes: describeKeys,
  },
  {
    name: 'unset',
    summary: 'Take settings of a container away; what its profiles say holds then',
    usage: '[OPTIONS] CONTAINER KEY [KEY...]',
    flags: [once],
    positionals: { min: 2, max: many },
    completes: ['container', 'setting-name'],
  },
  {
    name: 'get',
    summary: 'Print one setting of a container',
    usage: '[OPTIONS] CONTAINER KEY',
    flags: [{ name: 'in-force', kind: 'flag', help: 'What the running container is held to now' }],
    positionals: { min: 2, max: 2 },
    completes: ['container', 'setting-name'],
  },
  {
    name: 'show',
    summary: 'Show what is set of a container, where it comes from, and what is in force',
    usage: 'CONTAINER',
    flags: [],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'edit',
    summary: 'Edit the settings of a container ($VISUAL, $EDITOR, or vi)',
    usage: 'CONTAINER',
    flags: [],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'limits',
    summary: 'Show how close containers are to their limits, and how often they met them',
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    flags: [{ name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Limit}}' }],
    positionals: { min: 1, max: many },
    completes: 'container',
  },
  {
    name: 'profile ls',
    aliases: ['profile list'],
    summary: 'List profiles',
    usage: '[OPTIONS]',
    flags: [
      { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Name}}' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Print names only' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'profile create',
    summary: 'Make a profile',
    usage: '[OPTIONS] PROFILE [KEY=VALUE...]',
    flags: [{ name: 'description', kind: 'text', help: 'What it is for' }],
    positionals: { min: 1, max: many },
    completes: 'setting',
  },
  {
    name: 'profile show',
    summary: 'Show what a profile says, and who has it',
    usage: 'PROFILE',
    flags: [],
    positionals: { min: 1, max: 1 },
    completes: 'profile',
  },
  {
    name: 'profile edit',
    summary: 'Edit a profile; the containers that have it follow at once',
    usage: 'PROFILE',
    flags: [],
    positionals: { min: 1, max: 1 },
    completes: 'profile',
  },
  {
    name: 'profile set',
    summary: 'Change settings of a profile; the containers that have it follow at once',
    usage: 'PROFILE KEY=VALUE [KEY=VALUE...]',
    flags: [],
    positionals: { min: 2, max: many },
    completes: ['profile', 'setting'],
    notes: describeKeys,
  },
  {
    name: 'profile unset',
    summary: 'Take settings of a profile away',
    usage: 'PROFILE KEY [KEY...]',
    flags: [],
    positionals: { min: 2, max: many },
    completes: ['profile', 'setting-name'],
  },
  {
    name: 'profile rm',
    aliases: ['profile delete'],
    summary: 'Remove profiles that no container has',
    usage: 'PROFILE [PROFILE...]',
    flags: [],
    positionals: { min: 1, max: many },
    completes: 'profile',
  },
  {
    name: 'profile assign',
    summary: 'Give a container these profiles and no others; later ones win',
    usage: 'CONTAINER [PROFILE...]',
    flags: [],
    positionals: { min: 1, max: many },
    completes: ['container', 'profile'],
  },
  {
    name: 'profile add',
    summary: 'Give a container one more profile, which wins over those that it has',
    usage: 'CONTAINER PROFILE',
    flags: [],
    positionals: { min: 2, max: 2 },
    completes: ['container', 'profile'],
  },
  {
    name: 'profile remove',
    summary: 'Take a profile away from a container',
    usage: 'CONTAINER PROFILE',
    flags: [],
    positionals: { min: 2, max: 2 },
    completes: ['container', 'profile'],
  },
  {
    name: 'profile device',
    summary: 'Add, change and take away devices of a profile; the containers that have it follow at once',
    usage:
      'add PROFILE DEVICE TYPE [KEY=VALUE...]\n       orlop profile device set PROFILE DEVICE KEY=VALUE [KEY=VALUE...]\n       orlop profile device rm PROFILE DEVICE [DEVICE...]',
    flags: [],
    positionals: { min: 3, max: many },
    notes: describeDevices,
  },
  {
    name: 'device add',
    summary: 'Add a device to a container, running or not, and keep it for later starts',
    usage: 'CONTAINER DEVICE TYPE [KEY=VALUE...]',
    flags: [],
    positionals: { min: 3, max: many },
    completes: 'container',
    notes: describeDevices,
  },
  {
    name: 'device ls',
    aliases: ['device list'],
    summary: 'List the devices that were added to a container',
    usage: '[OPTIONS] CONTAINER',
    flags: [{ name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Name}}' }],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'device set',
    summary: 'Change what a device of a container is',
    usage: 'CONTAINER DEVICE KEY=VALUE [KEY=VALUE...]',
    flags: [],
    positionals: { min: 3, max: many },
    completes: 'container',
    notes: describeDevices,
  },
  {
    name: 'device rm',
    aliases: ['device remove'],
    summary: 'Take devices away from a container',
    usage: 'CONTAINER DEVICE [DEVICE...]',
    flags: [],
    positionals: { min: 2, max: many },
    completes: 'container',
  },
  {
    name: 'system shutdown',
    summary: 'Stop all containers, those that start last first, and then the engine',
    usage: '[OPTIONS]',
    flags: [{ name: 'force', short: 'f', kind: 'flag', help: 'Do not ask' }],
    positionals: { min: 0, max: 0 },
  },
];
