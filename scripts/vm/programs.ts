import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The programs that make and run the machine, with Debian's packages that have them. */
const wanted: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
};

/** What keeps the machine from being made here, one sentence; null when nothing does. */
export function whatIsMissing(): string | null {
  if (process.getuid?.() !== 0) return 'the test machine is made by root';
  const packages = Object.entries(wanted).flatMap(([program, name]) => (isInstalled(program) ? [] : [name]));
  return packages.length === 0 ? null : `the test machine needs packages: apt-get install --no-install-recommends ${packages.join(' ')}`;
}

function isInstalled(program: string): boolean {
  return `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':').some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
