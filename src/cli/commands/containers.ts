import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';
import { listContainers, listWithKinds } from './list-containers.ts';
import { checkpointFlags } from './refused.ts';
import { sortKeys } from './sort-keys.ts';
import { createFlags, refusedFlags, refusedSystemFlags, seedFlags, sharedFlags } from './container-flags.ts';

const many = Number.POSITIVE_INFINITY;
const detachKeys: FlagSpec = {
  name: 'detach-keys',
  kind: 'text',
  value: 'keys',
  help: 'Keys that leave the container running (default ctrl-p,ctrl-q)',
};
const sigProxy: FlagSpec = { name: 'sig-proxy', kind: 'flag', help: 'Pass signals on to the process, without a terminal (default true)' };
const format: FlagSpec = { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Names}}' };
const inspectFormat: FlagSpec = { name: 'format', short: 'f', kind: 'text', help: 'json, or a template such as {{.State.Status}}' };
const inspectSize: FlagSpec = { name: 'size', short: 's', kind: 'flag', help: 'Show how much containers have written' };
const stopTime: FlagSpec = { name: 'timeout', short: 't', kind: 'integer', help: 'Seconds before it is killed; -1 never' };
const stopTimeAlias: FlagSpec = { name: 'time', kind: 'integer', help: '', aliasOf: 'timeout' };
const bootWait: readonly FlagSpec[] = [
  { name: 'wait', kind: 'flag', help: 'Until the machine is up; fails with the end of its console when it does not come up' },
  { name: 'wait-timeout', kind: 'integer', value: 'seconds', help: 'How long (default 60)' },
];
const stopSignal: FlagSpec = { name: 'signal', short: 's', kind: 'text', help: 'Signal to send' };

export const containerCommands: readonly CommandSpec[] = [
  {
    name: 'run',
    summary: 'Create and run an app container from an image',
    usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
    flags: [
      ...createFlags,
      ...refusedFlags,
      { name: 'detach', short: 'd', kind: 'flag', help: 'Run in the background and print the id' },
      detachKeys,
      sigProxy,
    ],
    positionals: { min: 1, max: many },
    stopsAtPositional: true,
    completes: 'image',
  },
  {
    name: 'create',
    summary: 'Create an app container without starting it',
    usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
    flags: [...createFlags, ...refusedFlags],
    positionals: { min: 1, max: many },
    stopsAtPositional: true,
    completes: 'image',
  },
  {
    name: 'launch',
    summary: 'Create and start system containers from a template or an image',
    usage: '[OPTIONS] TEMPLATE|IMAGE [NAME...]',
    flags: [
      ...sharedFlags,
      ...refusedSystemFlags,
      ...seedFlags,
      {
        name: 'ssh-key',
        kind: 'list',
        value: '[user=]file',
        help: 'Let who has the public key in this file log in by ssh, as root or this user',
      },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Show no progress' },
      ...bootWait,
    ],
    positionals: { min: 1, max: many },
    completes: ['template', 'image'],
  },
  {
    name: 'start',
    summary: 'Start stopped containers',
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    flags: [
      { name: 'all', kind: 'flag', help: 'All that do not run' },
      { name: 'attach', short: 'a', kind: 'flag', help: 'Attach to its output and pass signals on' },
      ...checkpointFlags,
      { name: 'interactive', short: 'i', kind: 'flag', help: 'Attach to its STDIN' },
      detachKeys,
      sigProxy,
      ...bootWait,
    ],
    positionals: { min: 0, max: many },
    completes: 'container',
  },
  {
    name: 'stop',
    summary: 'Stop running containers',
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    flags: [{ name: 'all', kind: 'flag', help: 'All that run' }, stopTime, stopTimeAlias, stopSignal],
    positionals: { min: 0, max: many },
    completes: 'running',
  },
  {
    name: 'restart',
    summary: 'Stop and start containers',
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    flags: [{ name: 'all', kind: 'flag', help: 'All that run' }, stopTime, stopTimeAlias, stopSignal, ...bootWait],
    positionals: { min: 0, max: many },
    completes: 'container',
  },
  {
    name: 'kill',
    summary: 'Send a signal to running containers',
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    flags: [{ name: 'signal', short: 's', kind: 'text', help: 'Signal to send (default KILL)' }],
    positionals: { min: 1, max: many },
    completes: 'running',
  },
  {
    name: 'pause',
    summary: 'Freeze all processes of containers',
    usage: 'CONTAINER [CONTAINER...]',
    flags: [],
    positionals: { min: 1, max: many },
    completes: 'running',
  },
  {
    name: 'unpause',
    summary: 'Let frozen containers go on',
    usage: 'CONTAINER [CONTAINER...]',
    flags: [],
    positionals: { min: 1, max: many },
    completes: 'container',
  },
  {
    name: 'rm',
    summary: 'Remove containers',
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    flags: [
      { name: 'all', kind: 'flag', help: 'All containers; with --force also those that run' },
      { name: 'force', short: 'f', kind: 'flag', help: 'Kill what is running, and do not mind what is missing' },
      { name: 'link', short: 'l', kind: 'flag', help: 'Remove the link CONTAINER/ALIAS, and no container' },
      { name: 'volumes', short: 'v', kind: 'flag', help: 'Remove its anonymous volumes too' },
    ],
    positionals: { min: 0, max: many },
    completes: 'container',
  },
  {
    name: 'rename',
    summary: 'Rename a container',
    usage: 'CONTAINER NEW_NAME',
    flags: [],
    positionals: { min: 2, max: 2 },
    completes: 'container',
  },
  listContainers,
  listWithKinds,
  {
    name: 'logs',
    summary: "Show a container's output",
    usage: '[OPTIONS] CONTAINER',
    flags: [
      { name: 'follow', short: 'f', kind: 'flag', help: 'Go on as it says more' },
      { name: 'since', kind: 'text', value: 'time', help: 'From a time (2026-01-31T12:00:00Z) or an age (42m)' },
      { name: 'until', kind: 'text', value: 'time', help: 'Up to a time or an age' },
      { name: 'tail', short: 'n', kind: 'text', value: 'lines', help: 'Only the last lines (default all)' },
      { name: 'timestamps', short: 't', kind: 'flag', help: 'Show when each line was said' },
      { name: 'details', kind: 'flag', help: 'Show what the log options chose of labels and environment' },
    ],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'exec',
    summary: 'Run a command in a running container, or in several side by side',
    usage: '[OPTIONS] CONTAINER|PATTERN|NAME,NAME COMMAND [ARG...]',
    flags: [
      { name: 'all', kind: 'flag', help: 'In all running containers: no name stands before the command' },
      { name: 'detach', short: 'd', kind: 'flag', help: 'Run in the background' },
      detachKeys,
      { name: 'env', short: 'e', kind: 'list', help: 'Set environment variables' },
      { name: 'env-file', kind: 'list', help: 'Read environment variables from a file' },
      { name: 'interactive', short: 'i', kind: 'flag', help: 'Keep STDIN open' },
      { name: 'parallel', kind: 'integer', value: 'count', help: 'Of several containers, in so many at once (default 16)' },
      { name: 'privileged', kind: 'flag', help: 'Give extended privileges' },
      { name: 'tty', short: 't', kind: 'flag', help: 'Give the process a terminal' },
      { name: 'user', short: 'u', kind: 'text', help: 'User of the process (name|uid[:group|gid])' },
      { name: 'workdir', short: 'w', kind: 'text', help: 'Working directory inside the container' },
    ],
    positionals: { min: 1, max: many },
    stopsAtPositional: true,
    completes: 'running',
  },
  {
    name: 'attach',
    summary: 'Join the streams of a running container',
    usage: '[OPTIONS] CONTAINER',
    flags: [detachKeys, { name: 'no-stdin', kind: 'flag', help: 'Do not attach STDIN' }, sigProxy],
    positionals: { min: 1, max: 1 },
    completes: 'running',
  },
  {
    name: 'console',
    summary: 'Join the console of a machine: the terminal of its PID 1',
    usage: '[OPTIONS] CONTAINER',
    flags: [
      { name: 'detach-keys', kind: 'text', value: 'keys', help: 'Keys that let go of it (default ctrl-a,q, and ctrl-p,ctrl-q)' },
      { name: 'show-log', kind: 'flag', help: 'Print what it has said since its start, and join nothing' },
    ],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'shell',
    summary: 'Log in to a container: a login shell of root, or of another user',
    usage: '[OPTIONS] CONTAINER [COMMAND [ARG...]]',
    flags: [{ name: 'user', short: 'u', kind: 'text', help: 'Who logs in (default root)' }],
    positionals: { min: 1, max: many },
    stopsAtPositional: true,
    completes: 'running',
  },
  {
    name: 'wait',
    summary: 'Wait until containers stop, and print their exit codes',
    usage: 'CONTAINER [CONTAINER...]',
    flags: [],
    positionals: { min: 1, max: many },
    completes: 'container',
  },
  {
    name: 'top',
    summary: "Show a container's processes, or what all containers use, live",
    usage: '[OPTIONS] [CONTAINER [ps OPTIONS]]',
    flags: [
      { name: 'no-stream', kind: 'flag', help: 'Show all containers once' },
      { name: 'sort', kind: 'text', value: 'key', help: 'What all containers are sorted by (default cpu)', choices: Object.keys(sortKeys) },
    ],
    positionals: { min: 0, max: many },
    stopsAtPositional: true,
    completes: 'running',
  },
  {
    name: 'stats',
    summary: 'Show what containers use, again every second',
    usage: '[OPTIONS] [CONTAINER...]',
    flags: [
      { name: 'all', short: 'a', kind: 'flag', help: 'Show all, not only the running ones' },
      format,
      { name: 'no-stream', kind: 'flag', help: 'Show it once' },
      { name: 'no-trunc', kind: 'flag', help: 'Print whole ids' },
    ],
    positionals: { min: 0, max: many },
    completes: 'running',
  },
  {
    name: 'container inspect',
    summary: 'Show all that is known of containers',
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    flags: [inspectFormat, inspectSize],
    positionals: { min: 1, max: many },
    completes: 'container',
  },
  {
    name: 'container prune',
    summary: 'Remove all stopped containers',
    usage: '[OPTIONS]',
    flags: [
      { name: 'filter', kind: 'list', help: 'Only what fits (until=24h, label=name=value)' },
      { name: 'force', short: 'f', kind: 'flag', help: 'Do not ask' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'inspect',
    summary: 'Show all that is known of containers, images, networks and volumes',
    usage: '[OPTIONS] NAME|ID [NAME|ID...]',
    flags: [
      inspectFormat,
      { name: 'type', kind: 'text', help: 'Look only for this type', choices: ['container', 'image', 'network', 'volume'] },
      inspectSize,
    ],
    positionals: { min: 1, max: many },
    completes: ['container', 'image', 'network', 'volume'],
  },
];
