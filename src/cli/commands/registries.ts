import type { CommandSpec } from '../arguments/spec.ts';

/** Docker's flag for signatures of Notary, which registries of today do not have: images are taken as they are, by their digests. */
const contentTrust = { name: 'disable-content-trust', kind: 'flag', help: 'Do not ask for signatures (always so)' } as const;

export const registryCommands: readonly CommandSpec[] = [
  {
    name: 'pull',
    summary: 'Get an image from a registry',
    usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
    flags: [
      { name: 'platform', kind: 'text', help: 'For another processor (os/arch[/variant])' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Show no progress' },
      { name: 'all-tags', short: 'a', kind: 'flag', help: 'All tags that the registry has' },
      contentTrust,
    ],
    positionals: { min: 1, max: 1 },
    completes: 'image',
  },
  {
    name: 'push',
    summary: 'Send an image to a registry',
    usage: '[OPTIONS] NAME[:TAG]',
    flags: [
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Show no progress' },
      { name: 'all-tags', short: 'a', kind: 'flag', help: 'All tags that are here' },
      { name: 'platform', kind: 'text', help: "One platform's image alone (os/arch[/variant])" },
      contentTrust,
    ],
    positionals: { min: 1, max: 1 },
    completes: 'image',
  },
  {
    name: 'search',
    summary: 'Search a registry for images',
    usage: '[OPTIONS] TERM',
    flags: [
      { name: 'filter', short: 'f', kind: 'list', help: 'Show only what fits (is-official=true, stars=3)' },
      { name: 'format', kind: 'text', help: 'table, json, or a template such as {{.Name}}' },
      { name: 'limit', kind: 'integer', help: 'At most so many' },
      { name: 'no-trunc', kind: 'flag', help: 'Print whole descriptions' },
    ],
    positionals: { min: 1, max: 1 },
  },
  {
    name: 'login',
    summary: 'Keep credentials for a registry',
    usage: '[OPTIONS] [SERVER]',
    flags: [
      { name: 'username', short: 'u', kind: 'text', help: 'User name' },
      { name: 'password', short: 'p', kind: 'text', help: 'Password; others on this machine can see it: prefer --password-stdin' },
      { name: 'password-stdin', kind: 'flag', help: 'Read the password from the standard input' },
    ],
    positionals: { min: 0, max: 1 },
  },
  {
    name: 'logout',
    summary: 'Forget credentials for a registry',
    usage: '[SERVER]',
    flags: [],
    positionals: { min: 0, max: 1 },
  },
];
