import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Linux, Process, Spec } from '#oci';
import { openCgroup } from '../cgroups/cgroup.ts';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import { exampleSpec } from '../oci/commands/spec.ts';
import { findLeaks } from './leaks.ts';
import { makeBusyboxRoot } from './root.ts';

const source = join(import.meta.dirname, '../..');
const executable = join(source, '../build/orlop-runtime');

/** What was built, which starts ten times sooner, unless a source of it is younger. */
function findProgram(): readonly string[] {
  const rooms = ['errors', 'oci', 'log', 'sys', 'runtime', 'main'];
  const files = rooms.flatMap((room) =>
    readdirSync(join(source, room), { recursive: true, encoding: 'utf8' }).map((name) => join(source, room, name)),
  );
  const newest = Math.max(
    ...files.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')).map((file) => statSync(file).mtimeMs),
  );
  const isFresh = existsSync(executable) && statSync(executable).mtimeMs > newest;
  return isFresh ? [executable] : [process.execPath, join(import.meta.dirname, 'command-line.ts')];
}

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface BundleWishes {
  readonly process?: Partial<Process>;
  readonly rest?: Partial<Spec>;
  readonly linux?: Linux;
  /** Beside config.json's own words: text in place of the whole of it. */
  readonly text?: string | Uint8Array;
}

/** Bundles of busybox and the runtimes that run them, for the tests of one file. */
export interface TestBundles {
  readonly home: ReturnType<typeof makeBusyboxRoot>;
  /** Our records. */
  readonly root: string;
  make(wishes?: BundleWishes): { readonly id: string; readonly directory: string };
  /** A command of ours; `runc` in its place runs that. Bounded by a minute. */
  call(words: readonly string[], options?: CallOptions): Outcome;
  run(wishes?: BundleWishes, options?: CallOptions): Outcome;
  /** mount(8), undone at the end. */
  mount(words: readonly string[], place: string): void;
  /** umount(8) of what is on top there. */
  umount(place: string): void;
  /** What was left behind, after all was taken away. */
  close(): Promise<string[]>;
}

export interface CallOptions {
  readonly runtime?: 'runc';
  readonly input?: string;
  /** The container outlives the call, so that nobody can wait for the end of its output. */
  readonly detached?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** A program that runs the runtime. */
  readonly wrapper?: readonly string[];
}

/** `mark` names what belongs to these tests. */
export function openTestBundles(mark: string): TestBundles {
  const home = makeBusyboxRoot();
  const program = findProgram();
  const root = join(home.directory, 'state');
  mkdirSync(root);
  const mounted: string[] = [];
  let count = 0;

  function make({ process = {}, rest = {}, linux = {}, text }: BundleWishes = {}): { id: string; directory: string } {
    count += 1;
    const id = `${mark}-${count}`;
    const base = exampleSpec();
    const spec: Spec = {
      ...base,
      // The version that older runtimes, which we compare with, know.
      ociVersion: '1.0.2',
      root: { path: home.root },
      process: { cwd: '/', ...base.process, terminal: false, env: ['PATH=/bin'], args: ['true'], ...process },
      ...rest,
      linux: { ...base.linux, cgroupsPath: `/${mark}/${id}`, ...linux },
    };
    const directory = mkdtempSync(join(home.directory, 'bundle-'));
    writeFileSync(join(directory, 'config.json'), text ?? JSON.stringify(spec));
    return { id, directory };
  }

  function call(
    words: readonly string[],
    { runtime, input = '', detached = false, environment = {}, wrapper = [] }: CallOptions = {},
  ): Outcome {
    const records = runtime === undefined ? root : join(home.directory, runtime);
    const [file = '', ...first] = runtime === undefined ? program : [runtime];
    const place = mkdtempSync(join(home.directory, 'output-'));
    const errors = join(place, 'stderr');
    const done = spawnSync(
      '/bin/sh',
      [
        '-c',
        `exec "$@" 2>${errors}${detached ? ' >/dev/null </dev/null' : ''}`,
        'sh',
        ...wrapper,
        file,
        ...first,
        '--root',
        records,
        ...words,
      ],
      {
        encoding: 'utf8',
        timeout: 60_000,
        killSignal: 'SIGKILL',
        cwd: home.directory,
        env: { ...process.env, ...environment },
        ...(detached ? { stdio: 'ignore' } : { input }),
      },
    );
    const err = readFileSync(errors, 'utf8');
    rmSync(place, { recursive: true });
    return { code: done.status, out: done.stdout ?? '', err };
  }

  return {
    home,
    root,
    make,
    call,
    run(wishes, options) {
      const { id, directory } = make(wishes);
      mkdirSync(root, { recursive: true });
      return call(['run', '--bundle', directory, id], options);
    },
    mount(words, place) {
      const { status, stderr } = spawnSync('mount', [...words, place], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`mount ${words.join(' ')} ${place}: ${stderr}`);
      if (!mounted.includes(place)) mounted.push(place);
    },
    umount(place) {
      const { status, stderr } = spawnSync('umount', ['--lazy', place], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`umount ${place}: ${stderr}`);
    },
    async close() {
      for (const place of mounted.toReversed()) spawnSync('umount', ['-R', place]);
      const left = existsSync(root) ? call(['list', '-q']).out.split('\n').filter(Boolean) : [];
      await openCgroup(detectCgroupLayout(), mark).remove();
      home.remove();
      return [...left, ...findLeaks(mark), ...findLeaks(home.directory)];
    },
  };
}

export function shell(script: string): Partial<Process> {
  return { args: ['sh', '-c', script] };
}
