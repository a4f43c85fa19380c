export interface Program {
  readonly name: string;
  readonly entry: string;
  /** Start time matters and nothing needs Node itself: compiled to one executable as well. */
  readonly executable: boolean;
  /** What stands in the executable for modules of Node's that are slow to load there. A name that it lacks fails the build. */
  readonly plainModules?: Readonly<Record<string, string>>;
}

/** All programs that are bundled, and so all that a package has to bring. */
export const programs: readonly Program[] = [
  { name: 'orlop', entry: 'src/main/orlop.ts', executable: true },
  { name: 'orlopd', entry: 'src/main/orlopd.ts', executable: false },
  {
    name: 'orlop-runtime',
    entry: 'src/main/runtime.ts',
    executable: true,
    plainModules: { 'node:fs': 'src/sys/plain-files.ts', 'node:path': 'src/sys/plain-path.ts' },
  },
  // What `orlop registry` starts: it needs Node, and the command line should not carry it.
  { name: 'orlop-registry', entry: 'src/main/registry.ts', executable: false },
  // The thread of orlopd that unpacks layers.
  { name: 'store-worker', entry: 'src/store/layers/worker.ts', executable: false },
  // The process of orlopd that works on files which may be in a file system that does not answer.
  { name: 'file-worker', entry: 'src/engine/files/distant-worker.ts', executable: false },
];
