import type { CommandSpec } from '../arguments/spec.ts';

const refusedTrust = { name: 'disable-content-trust', kind: 'flag', help: '', refused: true } as const;

export const registryCommands: readonly CommandSpec[] = [
  {
    name: 'pull',
    summary: 'Get an image from a registry',
    usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
    flags: [
      { name: 'platform', kind: 'text', help: 'For another processor (os/arch[/variant])' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Show no progress' },
      { name: 'all-tags', short: 'a', kind: 'flag', help: 'All tags that the registry has' },
      refusedTrust,
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
      refusedTrust,
    ],
    positionals: { min: 1, max: 1 },
    completes: 'image',
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
