import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { run } from './run-program.ts';

/** The programs that make and run the machine, with Debian's packages that have them. */
const wanted: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
};

/** Installs what is missing, where that can be done. What then still keeps the machine from being made here, in one sentence; null when nothing does. */
export async function provideMachinePrograms(timeoutMs: number): Promise<string | null> {
  if (process.arch !== 'x64') return `the test machine is an x86-64 one, and this is ${process.arch}`;
  if (process.getuid?.() !== 0) return 'the test machine is made by root';
  const command = ['install', '-y', '-q', '--no-install-recommends', ...missingPackages()];
  if (missingPackages().length > 0 && isInstalled('apt-get')) {
    for (const words of [command, ['update', '-q'], command]) {
      if (missingPackages().length > 0) await attempt(words, Math.min(timeoutMs, 5 * 60_000));
    }
  }
  const packages = missingPackages();
  return packages.length === 0 ? null : `the test machine needs packages that cannot be installed here: ${packages.join(' ')}`;
}

async function attempt(words: readonly string[], timeoutMs: number): Promise<void> {
  try {
    await run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...words], timeoutMs);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function missingPackages(): string[] {
  return Object.entries(wanted).flatMap(([program, name]) => (isInstalled(program) ? [] : [name]));
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
