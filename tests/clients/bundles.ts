import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Linux, Process, Spec } from '#oci';
import { runCommand, type CommandOptions, type Outcome } from '../system/harness.ts';
import { openEngineHome, runtimeProgram, type EngineHome } from './engine-home.ts';

/** Bundles over one root file system, and the command line on them. */
export interface Bundles extends AsyncDisposable {
  readonly home: EngineHome;
  readonly root: string;
  /** Writes a bundle; gives its directory and an id for its container. */
  write(process: Partial<Process>, linux?: Linux, rest?: Partial<Spec>): { readonly id: string; readonly directory: string };
  call(...args: string[]): Promise<Outcome>;
  callWith(options: CommandOptions, ...args: string[]): Promise<Outcome>;
  /** For what leaves a process behind, which would hold our pipes open. What is said on standard error is lost. */
  detached(...args: string[]): Promise<number | null>;
  words(...args: string[]): readonly string[];
}

const quiet = ['nosuid', 'noexec', 'nodev'];

export function openBundles(): Bundles {
  const home = openEngineHome();
  const root = join(home.directory, 'containers');
  let count = 0;
  const words = (...args: string[]): readonly string[] => [runtimeProgram, '--root', root, ...args];
  const callWith = (options: CommandOptions, ...args: string[]): Promise<Outcome> => {
    const [file = '', ...rest] = words(...args);
    return runCommand(file, rest, { timeoutMs: 20_000, ...options });
  };
  return {
    home,
    root,
    words,
    callWith,
    call: (...args) => callWith({}, ...args),
    detached: async (...args) => (await runCommand('sh', ['-c', 'exec "$@" </dev/null >/dev/null 2>&1', 'sh', ...words(...args)])).code,
    write(process, linux = {}, rest = {}) {
      count += 1;
      const id = `box${count}`;
      const directory = join(home.directory, id);
      mkdirSync(directory);
      const namespaces = (['pid', 'mount', 'ipc', 'uts', 'network'] as const).map((type) => ({ type }));
      const spec: Spec = {
        ociVersion: '1.0.2',
        root: { path: home.rootfs, readonly: true },
        process: { cwd: '/', env: ['PATH=/bin'], args: ['true'], user: { uid: 0, gid: 0 }, ...process },
        mounts: [
          { destination: '/proc', type: 'proc', source: 'proc' },
          { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
          {
            destination: '/dev/pts',
            type: 'devpts',
            source: 'devpts',
            options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
          },
          { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: [...quiet.slice(0, 1), 'mode=1777'] },
        ],
        ...rest,
        linux: { namespaces, cgroupsPath: `/${home.cgroupParent}/${id}`, ...linux },
      };
      writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
      return { id, directory };
    },
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
}
