import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runCommand, type CommandOptions, type Outcome } from '../system/harness.ts';
import { imageName, openEngineHome, runtimeProgram, type EngineHome } from './engine-home.ts';
import { quote, startInTerminal, type RunningProgram } from './programs.ts';

/** A podman with storage, state and cgroups of its own that runs everything by our runtime. */
export interface Podman extends AsyncDisposable {
  readonly home: EngineHome;
  readonly environment: Readonly<Record<string, string>>;
  run(...args: string[]): Promise<Outcome>;
  runWith(options: CommandOptions, ...args: string[]): Promise<Outcome>;
  /** What it prints; anything but success fails. */
  must(...args: string[]): Promise<string>;
  /** The whole command line, to be run in `environment`. */
  words(...args: string[]): readonly string[];
  inTerminal(size: { readonly rows: number; readonly columns: number }, ...args: string[]): RunningProgram;
}

// Root on this host may be unable to raise hard limits, which podman's defaults would do.
const configuration = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_backend = "cni"
`;

/** `manager`: who makes the cgroups. */
export async function openPodman(manager: 'cgroupfs' | 'systemd' = 'cgroupfs'): Promise<Podman> {
  await using undo = new AsyncDisposableStack();
  const home = undo.use(openEngineHome());
  const at = (name: string): string => join(home.directory, name);
  const environment = {
    CONTAINERS_CONF: home.write('containers.conf', configuration),
    CONTAINERS_STORAGE_CONF: home.write(
      'storage.conf',
      `[storage]\ndriver = "overlay"\nrunroot = "${at('run')}"\ngraphroot = "${at('root')}"\n[storage.options]\nroot-auto-userns-user = "root"\n`,
    ),
    CONTAINERS_REGISTRIES_CONF: home.write('registries.conf', ''),
  };
  const globals = ['--runtime', runtimeProgram, '--root', at('root'), '--runroot', at('run'), '--tmpdir', at('tmp')];
  const words = [...globals, `--cgroup-manager=${manager}`, '--events-backend=file', '--network-config-dir', at('net')];
  // conmon notes in its working directory that a container ran out of memory.
  const runWith = (options: CommandOptions, ...args: string[]): Promise<Outcome> =>
    runCommand('podman', [...words, ...args], { ...options, cwd: home.directory, env: { ...environment, ...options.env } });
  const must = async (...args: string[]): Promise<string> => {
    const outcome = await runWith({}, ...args);
    assert.equal(outcome.code, 0, `podman ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trimEnd();
  };
  undo.defer(async () => {
    await runWith({}, 'pod', 'rm', '--all', '--force');
    await runWith({}, 'rm', '--all', '--force', '--time', '0');
    await runWith({}, 'volume', 'rm', '--all', '--force');
  });
  await must('load', '--input', home.archive);
  const held = undo.move();
  return {
    home,
    environment,
    runWith,
    must,
    run: (...args) => runWith({}, ...args),
    words: (...args) => ['podman', ...words, ...args],
    inTerminal: ({ rows, columns }, ...args) =>
      startInTerminal(`stty rows ${rows} cols ${columns}; exec ${quote(['podman', ...words, ...args])}`, { env: environment }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** `run` and `create` with what all containers of these tests have. */
export function usual(podman: Podman): readonly string[] {
  return ['--network', 'none', '--cgroup-parent', `/${podman.home.cgroupParent}`];
}

export const podmanImage = imageName;
