import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchEngine } from './engine.ts';

/** An image as an archive of Docker's, and its one layer as it is in there. */
export interface LoadCase {
  readonly what: string;
  readonly name: string;
  readonly archive: string;
  readonly layer: string;
}

/** Something that loads an archive, and undoes it. */
export interface Loader {
  readonly who: string;
  /** Of the daemon that does the work, and that answers pings. */
  readonly daemon: { readonly pid: number; readonly socket: string } | null;
  load(of: LoadCase): readonly string[];
  undo(of: LoadCase): readonly string[];
}

const installed = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;

export function ourLoader(engine: BenchEngine): Loader {
  return {
    who: 'orlop',
    daemon: engine,
    load: ({ archive }) => engine.orlop('load', '-q', '-i', archive),
    undo: ({ name }) => engine.orlop('rmi', '-f', name),
  };
}

/** The peers that are installed, with their roots in this folder; a dockerd of our own is ended by disposal. */
export async function openPeers(folder: string): Promise<AsyncDisposable & { readonly loaders: readonly Loader[] }> {
  await using open = new AsyncDisposableStack();
  const docker = installed('dockerd') && installed('docker') ? open.use(await openDocker(folder)) : null;
  const loaders = [docker?.loader, podman(folder), skopeo(folder), tar(folder)].filter((loader) => loader !== null && loader !== undefined);
  const kept = open.move();
  return { loaders, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Without bridge, firewall and forwarding: it is to touch nothing of the host's. */
async function openDocker(folder: string): Promise<AsyncDisposable & { readonly loader: Loader }> {
  const [root, run, pidfile] = [join(folder, 'docker'), join(folder, 'docker-run'), join(folder, 'docker.pid')];
  const socket = join(folder, 'docker.sock');
  const log = openSync(join(folder, 'docker.log'), 'a');
  const roots = ['--data-root', root, '--exec-root', run, '--pidfile', pidfile, '--host', `unix://${socket}`];
  const network = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'];
  const child = spawn('dockerd', [...roots, ...network], { stdio: ['ignore', log, log] });
  closeSync(log);
  const client = ['docker', '-H', `unix://${socket}`];
  const answers = (): boolean => spawnSync('docker', [...client.slice(1), 'version'], { stdio: 'ignore' }).status === 0;
  for (const deadline = Date.now() + 30_000; !answers(); await delay(100)) {
    if (Date.now() > deadline || child.exitCode !== null)
      throw new Error(`dockerd does not answer: ${readFileSync(join(folder, 'docker.log'), 'utf8').slice(-500)}`);
  }
  return {
    loader: {
      who: 'docker',
      daemon: { pid: child.pid ?? 0, socket },
      load: ({ archive }) => [...client, 'load', '-q', '-i', archive],
      undo: ({ name }) => [...client, 'rmi', '-f', name],
    },
    async [Symbol.asyncDispose]() {
      const ended = child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : null;
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function podman(folder: string): Loader | null {
  if (!installed('podman')) return null;
  const base = ['podman', '--root', join(folder, 'podman'), '--runroot', join(folder, 'podman-run'), '--storage-driver', 'overlay'];
  return {
    who: 'podman',
    daemon: null,
    load: ({ archive }) => [...base, 'load', '-q', '-i', archive],
    undo: ({ name }) => [...base, 'rmi', '-f', name],
  };
}

/** To an OCI layout, and unpacked from there: no engine at all, but the same work. */
function skopeo(folder: string): Loader | null {
  if (!installed('skopeo') || !installed('umoci')) return null;
  const [layout, root] = [join(folder, 'layout'), join(folder, 'unpacked')];
  const script = 'skopeo copy -q --insecure-policy "docker-archive:$1" "oci:$2:x" && umoci raw unpack --image "$2:x" "$3"';
  return {
    who: 'skopeo, umoci',
    daemon: null,
    load: ({ archive }) => ['sh', '-c', script, 'sh', archive, layout, root],
    undo: () => ['rm', '-rf', layout, root],
  };
}

/** The floor: what no engine can be quicker than. */
function tar(folder: string): Loader {
  const out = join(folder, 'out');
  if (existsSync(out)) rmSync(out, { recursive: true });
  return {
    who: 'tar -x, not stored nor synced',
    daemon: null,
    load: ({ layer }) => ['sh', '-c', 'mkdir "$1" && tar -C "$1" -xf "$2"', 'sh', out, layer],
    undo: () => ['rm', '-r', out],
  };
}
