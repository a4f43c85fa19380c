import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { image } from './engine.ts';
import { timeCommand, type Contender } from './measure.ts';

/** Where `bench/peers start` puts what it starts. */
const state = '/var/lib/orlop-bench';
const running = '/run/orlop-bench';

export interface Peer {
  readonly who: string;
  /** `docker …` or `podman …` up to the verb; their verbs and flags are ours. */
  readonly prefix: readonly string[];
  /** What its `run` needs besides, here: Podman's default limits are above what a root without CAP_SYS_RESOURCE may set. */
  readonly runFlags: readonly string[];
  /** Whether it has a bridge: the daemon that bench/peers starts has none, so as not to touch the host's firewall. */
  readonly bridge: boolean;
  /** Of its Docker API, when it has a daemon. */
  readonly socket: string | null;
}

const installed = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;

/** The engines that are there, with the image imported. */
export function findPeers(tar: string): Peer[] {
  const peers: Peer[] = [];
  const socket = `${running}/docker.sock`;
  if (installed('docker') && existsSync(socket))
    peers.push({ who: 'docker', prefix: ['docker', '-H', `unix://${socket}`], runFlags: [], bridge: false, socket });
  if (installed('podman')) {
    const roots = [
      '--root',
      `${state}/podman`,
      '--runroot',
      `${running}/podman`,
      '--cgroup-manager',
      'cgroupfs',
      ...(installed('runc') ? ['--runtime', 'runc'] : []),
    ];
    peers.push({
      who: 'podman',
      prefix: ['podman', ...roots],
      runFlags: ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'],
      bridge: false,
      socket: null,
    });
  }
  for (const { prefix } of peers) {
    const [command = '', ...args] = prefix;
    const there = spawnSync(command, [...args, 'image', 'inspect', image], { stdio: 'ignore' }).status === 0;
    if (!there) timeCommand([...prefix, 'import', tar, image]);
  }
  return peers;
}

/** The OCI runtimes that are there, each with the same command line. */
export function findRuntimes(): Contender[] {
  return ['runc', 'crun'].filter(installed).map((who) => ({ who, command: [who] }));
}
