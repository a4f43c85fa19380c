import type { CommandSpec } from '../arguments/spec.ts';

const many = Number.POSITIVE_INFINITY;

/** Archives of images and containers, and what is on disk. */
export const storeCommands: readonly CommandSpec[] = [
  {
    name: 'save',
    summary: 'Write images to a tar archive',
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    flags: [
      { name: 'output', short: 'o', kind: 'text', value: 'file', help: 'Write to a file instead of standard output' },
      { name: 'platform', kind: 'text', help: 'For another processor (os/arch[/variant])' },
    ],
    positionals: { min: 1, max: many },
    completes: 'image',
  },
  {
    name: 'load',
    summary: 'Load images from a tar archive: of Docker, of podman, or an OCI layout',
    usage: '[OPTIONS]',
    flags: [
      { name: 'input', short: 'i', kind: 'text', value: 'file', help: 'Read from a file instead of standard input' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Show no progress' },
      { name: 'platform', kind: 'text', help: 'For another processor (os/arch[/variant])' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'export',
    summary: "Write a container's root file system to a tar archive",
    usage: '[OPTIONS] CONTAINER',
    flags: [{ name: 'output', short: 'o', kind: 'text', value: 'file', help: 'Write to a file instead of standard output' }],
    positionals: { min: 1, max: 1 },
    completes: 'container',
  },
  {
    name: 'cp',
    summary: 'Copy files between a container and this machine',
    usage: '[OPTIONS] CONTAINER:SOURCE DESTINATION|-\n       orlop cp [OPTIONS] SOURCE|- CONTAINER:DESTINATION',
    flags: [
      { name: 'archive', short: 'a', kind: 'flag', help: "Keep owners on the way out; on the way in all becomes the container's user's" },
      { name: 'follow-link', short: 'L', kind: 'flag', help: 'Copy what a link leads to' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Say nothing of what was copied' },
    ],
    positionals: { min: 2, max: 2 },
    completes: 'container',
  },
  {
    name: 'diff',
    summary: 'Show what a container has added (A), changed (C) and deleted (D)',
    usage: 'CONTAINER [SNAPSHOT [SNAPSHOT]]',
    flags: [],
    positionals: { min: 1, max: 3 },
    completes: 'container',
  },
  {
    name: 'commit',
    summary: "Make an image of a container's changes",
    usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
    flags: [
      { name: 'author', short: 'a', kind: 'text', help: 'Who made it' },
      { name: 'change', short: 'c', kind: 'list', help: 'Apply a Dockerfile instruction to the image' },
      { name: 'message', short: 'm', kind: 'text', help: 'Note for the history' },
      { name: 'pause', short: 'p', kind: 'flag', help: 'Pause the container meanwhile (default true)' },
    ],
    positionals: { min: 1, max: 2 },
    completes: 'container',
  },
  {
    name: 'system df',
    summary: 'Show what is on disk',
    usage: '[OPTIONS]',
    flags: [
      { name: 'verbose', short: 'v', kind: 'flag', help: 'Show each image and container' },
      { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Type}}' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'system prune',
    summary: 'Remove what is not used',
    usage: '[OPTIONS]',
    flags: [
      { name: 'all', short: 'a', kind: 'flag', help: 'Also images that have a name' },
      { name: 'force', short: 'f', kind: 'flag', help: 'Do not ask' },
      { name: 'filter', kind: 'list', help: 'Only what fits (until=24h, label=name=value)' },
      { name: 'volumes', kind: 'flag', help: 'Also volumes without a name that no container uses' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'dedupe',
    summary: 'Have equal files of containers and images lie on disk once',
    usage: '[OPTIONS] CONTAINER [CONTAINER...] | --all',
    flags: [{ name: 'all', short: 'a', kind: 'flag', help: 'All containers' }],
    positionals: { min: 0, max: many },
    completes: 'container',
  },
  {
    name: 'system check',
    summary: 'Compare what the engine knows with what is on disk',
    usage: '[OPTIONS]',
    flags: [
      { name: 'repair', kind: 'flag', help: 'Take away what is damaged or unknown' },
      { name: 'quick', kind: 'flag', help: 'Do not read the content of blobs' },
      { name: 'format', kind: 'text', help: 'json' },
    ],
    positionals: { min: 0, max: 0 },
  },
];
