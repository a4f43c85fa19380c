import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { image, type BenchEngine } from './engine.ts';
import { timeCommand, type Contender } from './measure.ts';

/** Where `bench/peers start` puts what it starts. */
const state = '/var/lib/orlop-bench';
const running = '/run/orlop-bench';
const lxdFolder = `${state}/lxd`;

/** What every engine is asked to do. `idle` makes a container that does nothing, in the background, without network. */
export type Work =
  | { readonly verb: 'run'; readonly network: 'none' | 'bridge' }
  | { readonly verb: 'idle' | 'exec' | 'pid' | 'remove'; readonly name: string }
  /** A network of its own, and the same gone again. */
  | { readonly verb: 'make network' | 'remove network'; readonly name: string }
  | { readonly verb: 'list' };

/** An engine in the race, ours or another. */
export interface Engine {
  readonly who: string;
  /** Of its Docker API, when it has a daemon with one. */
  readonly socket: string | null;
  /** The whole command line; null when it has no such thing. */
  command(work: Work): string[] | null;
}

export function ourEngine(engine: BenchEngine): Engine {
  return { who: 'orlop', socket: engine.socket, command: (work) => engine.orlop(...dockerLike(work, [])) };
}

const busy = ['sleep', 'infinity'];

function dockerLike(work: Work, runFlags: readonly string[]): string[] {
  switch (work.verb) {
    case 'run':
      return ['run', ...runFlags, '--rm', ...(work.network === 'none' ? ['--network', 'none'] : []), image, 'true'];
    case 'idle':
      return ['run', ...runFlags, '-d', '--network', 'none', '--name', work.name, image, ...busy];
    case 'exec':
      return ['exec', work.name, 'true'];
    case 'pid':
      return ['inspect', '--format', '{{.State.Pid}}', work.name];
    case 'remove':
      return ['rm', '-f', work.name];
    case 'make network':
      return ['network', 'create', work.name];
    case 'remove network':
      return ['network', 'rm', work.name];
    case 'list':
      return ['ps'];
  }
}

function lxdLike(work: Work): string[] | null {
  switch (work.verb) {
    case 'run':
    case 'make network':
    case 'remove network':
      return null;
    case 'idle':
      return ['lxc', 'launch', '-q', 'orlop-bench', work.name, '-c', `raw.lxc=lxc.init.cmd=/usr/bin/${busy.join(' ')}`];
    case 'exec':
      return ['lxc', 'exec', work.name, '--', 'true'];
    case 'pid':
      return ['sh', '-c', `lxc info ${work.name} | sed -n 's/^PID: //p'`];
    case 'remove':
      return ['lxc', 'delete', '-f', work.name];
    case 'list':
      return ['lxc', 'list'];
  }
}

const installed = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
const succeeds = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** The engines that are there, with the image imported. */
export function findEngines(tar: string): Engine[] {
  return [findDocker(tar), findPodman(tar), findLxd(tar)].filter((engine) => engine !== null);
}

/** Its daemon has no bridge as `bench/peers` starts it, so as not to touch the host's firewall. */
function findDocker(tar: string): Engine | null {
  const socket = `${running}/docker.sock`;
  const prefix = ['docker', '-H', `unix://${socket}`];
  if (!installed('docker') || !existsSync(socket)) return null;
  return dockerAlike('docker', prefix, [], socket, tar);
}

function findPodman(tar: string): Engine | null {
  if (!installed('podman')) return null;
  const runtime = installed('runc') ? ['--runtime', 'runc'] : [];
  const prefix = ['podman', '--root', `${state}/podman`, '--runroot', `${running}/podman`, '--cgroup-manager', 'cgroupfs', ...runtime];
  // Its default limits are above what a root without CAP_SYS_RESOURCE may set.
  return dockerAlike('podman', prefix, ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'], null, tar);
}

function dockerAlike(who: string, prefix: readonly string[], runFlags: readonly string[], socket: string | null, tar: string): Engine {
  const [command = '', ...args] = prefix;
  if (!succeeds(command, ...args, 'image', 'inspect', image)) timeCommand([...prefix, 'import', tar, image]);
  return {
    who,
    socket,
    command: (work) => (work.verb === 'run' && work.network === 'bridge' ? null : [...prefix, ...dockerLike(work, runFlags)]),
  };
}

function findLxd(tar: string): Engine | null {
  return importLxdImage('orlop-bench', tar) ? { who: 'lxd', socket: null, command: lxdLike } : null;
}

/** Makes an image of a root, under this name, unless it is there; false: there is no LXD. */
export function importLxdImage(name: string, tar: string): boolean {
  if (!installed('lxc') || !existsSync(`${lxdFolder}/unix.socket`)) return false;
  // Its client finds the daemon by this variable only.
  process.env['LXD_DIR'] = lxdFolder;
  if (!succeeds('lxc', 'image', 'show', name)) timeCommand(['lxc', 'image', 'import', writeMetadata(dirname(tar)), tar, '--alias', name]);
  return true;
}

/** The second half of an LXD image: a tar with one small file. */
function writeMetadata(folder: string): string {
  const output = join(folder, 'lxd-metadata.tar');
  const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const script = `cd "$1" && printf 'architecture: %s\\ncreation_date: 1700000000\\n' ${architecture} > metadata.yaml && tar -cf "$2" metadata.yaml`;
  if (!succeeds('sh', '-c', script, 'sh', folder, output)) throw new Error(`cannot write ${output}`);
  return output;
}

/** The OCI runtimes that are there, each with the same command line. */
export function findRuntimes(): Contender[] {
  return ['runc', 'crun'].filter(installed).map((who) => ({ who, command: [who] }));
}
