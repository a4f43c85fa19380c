import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runCommand, type CommandOptions, type Outcome } from '../system/harness.ts';
import { findProgram, runtimeProgram, startDaemon, type EngineHome } from './engine-home.ts';

/** A daemon of a test's own, by its command line. Disposing removes its containers and ends it; the home stays. */
export interface EngineDaemon extends AsyncDisposable {
  run(...args: string[]): Promise<Outcome>;
  runWith(options: CommandOptions, ...args: string[]): Promise<Outcome>;
  /** What it prints; anything but success fails. */
  must(...args: string[]): Promise<string>;
  /** The whole command line. */
  words(...args: string[]): readonly string[];
}

export const dockerPrograms = {
  dockerd: 'docker.io',
  docker: 'docker.io or docker-cli',
  containerd: 'containerd',
  'containerd-shim-runc-v2': 'containerd',
};

export const containerdPrograms = { containerd: 'containerd', ctr: 'containerd', 'containerd-shim-runc-v2': 'containerd' };

/** Flags of `ctr run` for our runtime. */
export function ctrRuntime(home: EngineHome): readonly string[] {
  return ['--runc-binary', runtimeProgram, '--runc-root', join(home.directory, 'runtime')];
}

/** A containerd with the home's image. */
export async function openContainerd(home: EngineHome): Promise<EngineDaemon> {
  const socket = join(home.directory, 'containerd.sock');
  const [root, state] = [join(home.directory, 'root'), join(home.directory, 'state')];
  const config = `version = 2\nroot = "${root}"\nstate = "${state}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "${socket}"\n`;
  const words = ['containerd', '--config', home.write('config.toml', config), '--root', root, '--state', state, '--address', socket];
  const commands = commandsOf(['ctr', '--address', socket], 20_000);
  await using undo = new AsyncDisposableStack();
  undo.use(await startDaemon(words, async () => (await commands.run('version')).code === 0));
  undo.defer(async () => {
    for (const [verb, name] of [
      ['task', 'delete'],
      ['container', 'delete'],
    ] as const)
      for (const id of (await commands.run(verb, 'ls', '-q')).stdout.split('\n').filter(Boolean))
        await commands.run(verb, name, ...(verb === 'task' ? ['--force'] : []), id);
  });
  await commands.must('image', 'import', home.archive);
  const held = undo.move();
  return { ...commands, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/**
 * A dockerd with the home's image that changes nothing of the host's network; it starts a containerd of its own.
 * `cgroups`: who makes its cgroups, and below what.
 */
export async function openDocker(home: EngineHome, cgroups: { driver: 'cgroupfs' | 'systemd'; parent: string }): Promise<EngineDaemon> {
  const socket = join(home.directory, 'docker.sock');
  const at = (name: string): string => join(home.directory, name);
  const network = ['--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false'];
  const places = [
    '--config-file',
    home.write('daemon.json', '{}'),
    '--data-root',
    at('data'),
    '--exec-root',
    at('exec'),
    '--pidfile',
    at('pid'),
  ];
  const runtime = ['--add-runtime', `orlop=${runtimeProgram}`, '--default-runtime', 'orlop'];
  const own = ['--exec-opt', `native.cgroupdriver=${cgroups.driver}`, '--cgroup-parent', cgroups.parent];
  const words = [findProgram('dockerd') ?? '', '-H', `unix://${socket}`, ...places, ...network, ...runtime, ...own];
  const commands = commandsOf(['docker', '-H', `unix://${socket}`]);
  await using undo = new AsyncDisposableStack();
  undo.use(await startDaemon(words, async () => (await commands.run('version')).code === 0));
  undo.defer(async () => {
    const ids = (await commands.run('ps', '-aq')).stdout.split('\n').filter(Boolean);
    if (ids.length > 0) await commands.run('rm', '-f', ...ids);
  });
  await commands.must('load', '--input', home.archive);
  const held = undo.move();
  return { ...commands, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function commandsOf(client: readonly [string, ...string[]], timeoutMs?: number): Omit<EngineDaemon, keyof AsyncDisposable> {
  const [file, ...globals] = client;
  const usual = timeoutMs === undefined ? {} : { timeoutMs };
  const runWith = (options: CommandOptions, ...args: string[]): Promise<Outcome> =>
    runCommand(file, [...globals, ...args], { ...usual, ...options });
  return {
    runWith,
    run: (...args) => runWith({}, ...args),
    words: (...args) => [...client, ...args],
    async must(...args) {
      const outcome = await runWith({}, ...args);
      assert.equal(outcome.code, 0, `${file} ${args.join(' ')}: ${outcome.stderr}`);
      return outcome.stdout.trimEnd();
    },
  };
}
