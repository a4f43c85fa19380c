import { readFile } from 'node:fs/promises';
import { isErrno, OrlopError } from '#errors';
import type { TreeEntry } from './tree.ts';
import type { RunProgram } from './types.ts';

/** Where the host's packages put it: Debian's busybox-static, others. */
const places = ['/bin/busybox', '/usr/bin/busybox', '/bin/busybox.static'];

export interface BusyboxRoots {
  readonly app: readonly TreeEntry[];
  /** What the system variant adds. */
  readonly system: readonly TreeEntry[];
}

/** The trees of both variants, from the host's busybox. Failed-precondition `IMAGE_PACKAGER_MISSING` without one, `IMAGE_BUSYBOX_DYNAMIC` when it is not static. */
export async function planBusyboxRoots(run: RunProgram): Promise<BusyboxRoots> {
  const { path, program } = await findBusybox();
  if (hasInterpreter(program)) {
    throw new OrlopError('failed-precondition', 'IMAGE_BUSYBOX_DYNAMIC', `${path} needs shared libraries`, {
      hint: 'install the package busybox-static',
    });
  }
  const { stdout } = await run(path, ['--list-full']);
  const links = stdout.split('\n').filter((name) => /^(?:usr\/)?s?bin\/[^/\s]+$/.test(name));
  return { app: appTree(program, links), system: systemTree };
}

async function findBusybox(): Promise<{ path: string; program: Uint8Array }> {
  for (const path of places) {
    try {
      return { path, program: await readFile(path) };
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  throw new OrlopError('failed-precondition', 'IMAGE_PACKAGER_MISSING', 'busybox is not installed', {
    hint: 'install the package busybox-static',
  });
}

/** Whether a 64-bit little-endian ELF file asks for a dynamic loader (elf(5), PT_INTERP). */
export function hasInterpreter(program: Uint8Array): boolean {
  const view = Buffer.from(program.buffer, program.byteOffset, program.byteLength);
  if (view.length < 64 || view.readUInt32BE(0) !== 0x7f45_4c46 || view[4] !== 2 || view[5] !== 1) return true;
  const [offset, size, count] = [Number(view.readBigUInt64LE(32)), view.readUInt16LE(54), view.readUInt16LE(56)];
  for (let index = 0; index < count; index += 1) {
    const at = offset + index * size;
    if (at + 4 > view.length || view.readUInt32LE(at) === 3) return true;
  }
  return false;
}

const initLinks = ['sbin/init', 'sbin/halt', 'sbin/poweroff', 'sbin/reboot'];

function appTree(program: Uint8Array, links: readonly string[]): TreeEntry[] {
  const directories = [
    'bin',
    'dev',
    'etc',
    'home',
    'mnt',
    'proc',
    'run',
    'sbin',
    'sys',
    'usr',
    'usr/bin',
    'usr/sbin',
    'var',
    'var/log',
    'var/spool',
  ];
  return [
    ...directories.map((path): TreeEntry => ({ type: 'directory', path, mode: 0o755 })),
    { type: 'directory', path: 'root', mode: 0o700 },
    { type: 'directory', path: 'tmp', mode: 0o1777 },
    { type: 'file', path: 'bin/busybox', mode: 0o755, content: program },
    ...links.filter((path) => path !== 'bin/busybox' && !initLinks.includes(path)).map(linkToBusybox),
    textFile('etc/passwd', [
      'root:x:0:0:root:/root:/bin/sh',
      'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
      'nobody:x:65534:65534:nobody:/home:/bin/false',
    ]),
    textFile('etc/group', ['root:x:0:', 'daemon:x:1:', 'tty:x:5:', 'nogroup:x:65534:']),
    { ...textFile('etc/shadow', ['root:*:::::::', 'daemon:*:::::::', 'nobody:*:::::::']), mode: 0o600 },
    textFile('etc/os-release', ['NAME="BusyBox"', 'ID=busybox', 'PRETTY_NAME="BusyBox"']),
  ];
}

function linkToBusybox(path: string): TreeEntry {
  return { type: 'link', path, to: '/bin/busybox' };
}

/** BusyBox's own init: it reaps, keeps a system log, offers a shell on the console, and powers off when told to. */
const systemTree: readonly TreeEntry[] = [
  { type: 'directory', path: 'etc', mode: 0o755 },
  { type: 'directory', path: 'etc/init.d', mode: 0o755 },
  { type: 'directory', path: 'sbin', mode: 0o755 },
  ...initLinks.map(linkToBusybox),
  textFile('etc/inittab', [
    '::sysinit:/etc/init.d/rcS',
    '::respawn:/sbin/syslogd -n',
    '::askfirst:-/bin/sh',
    '::ctrlaltdel:/sbin/reboot',
    '::shutdown:/etc/init.d/rcK',
  ]),
  {
    ...textFile('etc/init.d/rcS', [
      '#!/bin/sh',
      'for script in /etc/init.d/S*; do',
      '  [ -x "$script" ] && "$script" start',
      'done',
      'exit 0',
    ]),
    mode: 0o755,
  },
  {
    ...textFile('etc/init.d/rcK', [
      '#!/bin/sh',
      'for script in /etc/init.d/S*; do',
      '  [ -x "$script" ] && "$script" stop',
      'done',
      'exit 0',
    ]),
    mode: 0o755,
  },
];

function textFile(path: string, lines: readonly string[]): TreeEntry & { readonly type: 'file' } {
  return { type: 'file', path, mode: 0o644, content: `${lines.join('\n')}\n` };
}
