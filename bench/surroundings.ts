import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { readFileSync } from 'node:fs';

/** How each program tells its version; a program that is missing is left out. */
const programs: Readonly<Record<string, readonly string[]>> = {
  docker: ['dockerd', '--version'],
  podman: ['podman', '--version'],
  lxd: ['lxd', '--version'],
  'systemd-nspawn': ['systemd-nspawn', '--version'],
  runc: ['runc', '--version'],
  crun: ['crun', '--version'],
  buildah: ['buildah', '--version'],
  buildx: ['docker', 'buildx', 'version'],
  dnsmasq: ['dnsmasq', '--version'],
};

/** What the figures were measured on and with, as one sentence with its date. */
export function describeSurroundings(now = new Date()): string {
  const [first, ...others] = cpus();
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const machine = `${others.length + 1} × ${first?.model.trim() ?? 'processor'}, ${memoryGib} GiB, ${system}, Linux ${release()}`;
  const versions = Object.entries(programs).flatMap(([name, [command = '', ...words]]) => {
    const { stdout } = spawnSync(command, words, { encoding: 'utf8', timeout: 10_000 });
    const version = /\d+\.\d+(?:\.\d+)*/.exec(stdout ?? '')?.[0];
    return version === undefined ? [] : [`${name} ${version}`];
  });
  return `${now.toISOString().slice(0, 10)}, on ${machine}; ${versions.join(', ')}.`;
}
