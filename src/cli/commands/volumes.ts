import type { CommandSpec } from '../arguments/spec.ts';
import { refuse, swarm } from './refused.ts';

const many = Number.POSITIVE_INFINITY;

/** Flags about volumes of a swarm, which an engine by itself has none of. */
const clusterFlags = [
  'availability',
  'group',
  'limit-bytes',
  'required-bytes',
  'scope',
  'secret',
  'sharing',
  'topology-preferred',
  'topology-required',
  'type',
].map((name) => refuse(name, swarm, 'list'));

/** Directories that outlive containers. */
export const volumeCommands: readonly CommandSpec[] = [
  {
    name: 'volume create',
    summary: 'Create a volume',
    usage: '[OPTIONS] [VOLUME]',
    flags: [
      { name: 'driver', short: 'd', kind: 'text', help: 'Where its content comes from (default local)', choices: ['local'] },
      { name: 'label', kind: 'list', help: 'Set metadata (key=value)' },
      { name: 'name', kind: 'text', help: 'Its name, in place of the argument' },
      { name: 'opt', short: 'o', kind: 'list', help: 'Options of the driver (type=, device=, o= as for mount(8); size=)' },
      ...clusterFlags,
    ],
    positionals: { min: 0, max: 1 },
  },
  {
    name: 'volume inspect',
    summary: 'Show all that is known of volumes',
    usage: '[OPTIONS] VOLUME [VOLUME...]',
    flags: [{ name: 'format', short: 'f', kind: 'text', help: 'json, or a template such as {{.Mountpoint}}' }],
    positionals: { min: 1, max: many },
    completes: 'volume',
  },
  {
    name: 'volume ls',
    aliases: ['volume list'],
    summary: 'List volumes',
    usage: '[OPTIONS]',
    flags: [
      { name: 'filter', short: 'f', kind: 'list', help: 'Show only what fits (dangling=true, label=key=value, name=, driver=)' },
      { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Name}}' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Print names only' },
      refuse('cluster', swarm, 'flag'),
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'volume prune',
    summary: 'Remove volumes that no container uses',
    usage: '[OPTIONS]',
    flags: [
      { name: 'all', short: 'a', kind: 'flag', help: 'Also those that have a name' },
      { name: 'filter', kind: 'list', help: 'Only what fits (label=key=value)' },
      { name: 'force', short: 'f', kind: 'flag', help: 'Do not ask' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'volume update',
    summary: 'Change volumes of a swarm: there is none, so this is refused',
    usage: 'VOLUME',
    flags: [refuse('availability', swarm)],
    positionals: { min: 1, max: 1 },
    completes: 'volume',
  },
  {
    name: 'volume rm',
    aliases: ['volume remove'],
    summary: 'Remove volumes with all they hold',
    usage: '[OPTIONS] VOLUME [VOLUME...]',
    flags: [{ name: 'force', short: 'f', kind: 'flag', help: 'Do not mind what is missing' }],
    positionals: { min: 1, max: many },
    completes: 'volume',
  },
];
