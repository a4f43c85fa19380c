import type { CommandSpec } from '../arguments/spec.ts';

/** Images that were made for LXD and Incus. */
export const lxdCommands: readonly CommandSpec[] = [
  {
    name: 'image import',
    summary: 'Make an image from a tar of a root file system, or from an image for LXD or Incus',
    usage: '[OPTIONS] FILE|- [REPOSITORY[:TAG]], or --lxd [OPTIONS] FILE|- [ROOTFS]',
    flags: [
      { name: 'lxd', kind: 'flag', help: 'FILE is a unified tarball, or a metadata tarball and ROOTFS its root (squashfs or tar)' },
      { name: 'name', short: 'n', kind: 'text', value: 'name', help: 'Name of the image, with --lxd' },
      { name: 'quiet', short: 'q', kind: 'flag', help: 'Show no progress' },
      { name: 'change', short: 'c', kind: 'list', help: 'Apply a Dockerfile instruction to the image, without --lxd' },
      { name: 'message', short: 'm', kind: 'text', help: 'Note for the history, without --lxd' },
      { name: 'platform', kind: 'text', help: "What it is for (os/arch[/variant]; default: the engine's)" },
    ],
    positionals: { min: 1, max: 2 },
  },
  {
    name: 'image fetch',
    summary: 'Fetch images for LXD or Incus from a server (images:debian/12)',
    usage: '[OPTIONS] REMOTE:ALIAS [REMOTE:ALIAS...]',
    flags: [{ name: 'quiet', short: 'q', kind: 'flag', help: 'Show no progress' }],
    positionals: { min: 1, max: Number.POSITIVE_INFINITY },
  },
];
