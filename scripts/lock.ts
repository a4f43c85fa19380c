// Completes package-lock.json: `npm ci` refuses a lock file that lacks an optional package of any platform, and `npm install` leaves out
// those that it could not fetch. The entries added here are for platforms that the project does not run on, so that nothing installs them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './rooms.ts';

interface Entry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

export interface Lock {
  readonly packages: Readonly<Record<string, Entry>>;
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

/** The same lock file with an entry for each optional package that one of its packages names. Pure. */
export function completeLock(lock: Lock): Lock {
  const packages: Record<string, Entry> = { ...lock.packages };
  for (const [path, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages) continue;
      packages[`node_modules/${name}`] = { version, ...(dev === true ? { dev } : {}), optional: true, ...platformOf(name) };
    }
  }
  const sorted = Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...lock, packages: Object.fromEntries(sorted) };
}

/** What a platform package's name says of its platform: `@oxlint/binding-linux-arm64-musl`. */
function platformOf(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> {
  const words = name.slice(name.lastIndexOf('/') + 1).split('-');
  const os = words.filter((word) => systems.includes(word));
  const cpu = words.filter((word) => processors.includes(word));
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : [];
  return { ...(os.length > 0 ? { os } : {}), ...(cpu.length > 0 ? { cpu } : {}), ...(libc.length > 0 ? { libc } : {}) };
}

if (import.meta.main) {
  const path = join(projectRoot, 'package-lock.json');
  const text = readFileSync(path, 'utf8');
  const completed = `${JSON.stringify(completeLock(JSON.parse(text) as Lock), null, 2)}\n`;
  if (completed !== text) writeFileSync(path, completed);
}
