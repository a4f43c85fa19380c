import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../scripts/rooms.ts';
import type { BenchEngine } from './engine.ts';
import { timeCommand } from './measure.ts';
import { familyOf, parentOf } from './memory.ts';
import { importLxdImage } from './peers.ts';

/** What every engine is asked to do with a machine; the command lines that do it, each to its end. */
export interface MachineEngine {
  readonly who: string;
  /** Makes one of the image and starts it; over when its init runs. */
  launch(name: string): void;
  start(name: string): void;
  /** Shut down by its init. */
  stop(name: string): void;
  remove(name: string): void;
  /** A program in it; null: it has no such command. */
  exec(name: string, ...words: readonly string[]): string[];
  copy(name: string, to: string): void;
  /** null: it has none. */
  readonly snapshot: ((name: string, snapshot: string) => void) | null;
  restore(name: string, snapshot: string): void;
  /** The same as `launch`, of many at once, as whole commands; null: it has no command that comes back. */
  launchCommand(name: string): readonly string[] | null;
  /** Processes that there are for one machine beside its own. */
  keepers(name: string): readonly number[];
}

const image = 'debian:trixie-systemd';

/** Debian 13 with systemd as our template makes it, as one tar for every engine: kept under build/. */
export function prepareMachineTar(engine: BenchEngine): string {
  const folder = join(projectRoot, 'build/bench');
  const [root, archive] = [join(folder, 'machine-root.tar'), join(folder, 'machine-image.tar')];
  mkdirSync(folder, { recursive: true });
  if (existsSync(root) && existsSync(archive)) {
    timeCommand(engine.orlop('load', '-q', '-i', archive));
    return root;
  }
  timeCommand(engine.orlop('template', 'build', '-q', 'debian/trixie/systemd'));
  timeCommand(engine.orlop('save', '-o', archive, image));
  timeCommand(engine.orlop('create', '--name', 'bench-root', image));
  timeCommand(engine.orlop('export', '-o', root, 'bench-root'));
  timeCommand(engine.orlop('rm', 'bench-root'));
  return root;
}

const answer = (command: readonly string[]): string => {
  const [file = '', ...args] = command;
  return spawnSync(file, args, { encoding: 'utf8' }).stdout.trim();
};

export function ourMachines(engine: BenchEngine): MachineEngine {
  const run = (...words: readonly string[]): void => void timeCommand(engine.orlop(...words));
  const launchCommand = (name: string): string[] => engine.orlop('launch', image, name);
  return {
    who: 'orlop',
    launch: (name) => void timeCommand(launchCommand(name)),
    launchCommand,
    start: (name) => run('start', name),
    stop: (name) => run('stop', '-t', '60', name),
    remove: (name) => run('rm', '-f', name),
    exec: (name, ...words) => engine.orlop('exec', name, ...words),
    copy: (name, to) => run('copy', name, to),
    snapshot: (name, snapshot) => run('snapshot', name, snapshot),
    restore: (name, snapshot) => run('restore', name, snapshot),
    keepers: (name) => [parentOf(Number(answer(engine.orlop('inspect', '--format', '{{.State.Pid}}', name))))],
  };
}

/** LXD on a pool of directories, without a network. */
export function lxdMachines(root: string): MachineEngine | null {
  if (!importLxdImage('orlop-bench-machine', root)) return null;
  const run = (...words: readonly string[]): void => void timeCommand(['lxc', ...words]);
  const launchCommand = (name: string): string[] => ['lxc', 'launch', '-q', 'orlop-bench-machine', name];
  return {
    who: 'lxd',
    launch: (name) => void timeCommand(launchCommand(name)),
    launchCommand,
    start: (name) => run('start', name),
    stop: (name) => run('stop', '--timeout', '60', name),
    remove: (name) => run('delete', '-f', name),
    exec: (name, ...words) => ['lxc', 'exec', name, '--', ...words],
    copy: (name, to) => run('copy', name, to),
    snapshot: (name, snapshot) => run('snapshot', name, snapshot),
    restore: (name, snapshot) => run('restore', name, snapshot),
    keepers: (name) => [parentOf(Number(answer(['sh', '-c', `lxc info ${name} | sed -n 's/^PID: //p'`])))],
  };
}

/**
 * systemd-nspawn: a directory for each machine, copied by cp (with reflinks where the file system can), in a user namespace of its own and without a network. It has neither snapshots nor a daemon; what it runs is entered by
 * nsenter(1), as its own machinectl needs systemd on the host.
 */
export function nspawnMachines(root: string, parent = '/var/tmp'): (MachineEngine & Disposable) | null {
  if (answer(['sh', '-c', 'command -v systemd-nspawn']) === '') return null;
  const folder = mkdtempSync(join(parent, 'orlop-bench-nspawn-'));
  const template = join(folder, 'template');
  mkdirSync(template);
  timeCommand(['tar', '-C', template, '-xpf', root, '--numeric-owner', '--exclude=./dev/*']);
  const running = new Map<string, { readonly child: ChildProcess; readonly init: number }>();
  const place = (name: string): string => join(folder, name);
  const copy = (from: string, to: string): void => void timeCommand(['cp', '-a', '--reflink=auto', place(from), place(to)]);
  const start = (name: string): void => {
    const flags = [
      '--quiet',
      '--boot',
      '--register=no',
      '--keep-unit',
      '--private-network',
      '--console=pipe',
      '-M',
      name,
      '-D',
      place(name),
    ];
    const child = spawn('systemd-nspawn', flags, { stdio: 'ignore' });
    running.set(name, { child, init: initBelow(child) });
  };
  const end = ({ child }: { readonly child: ChildProcess }, signal: NodeJS.Signals): void => {
    child.kill(signal);
    while (isThere(child)) spawnSync('sleep', ['0.005']);
  };
  const stop = (name: string, signal: NodeJS.Signals): void => {
    const machine = running.get(name);
    running.delete(name);
    if (machine !== undefined) end(machine, signal);
  };
  const remove = (name: string): void => {
    stop(name, 'SIGKILL');
    rmSync(place(name), { recursive: true, force: true });
  };
  return {
    who: 'nspawn',
    launch(name) {
      copy('template', name);
      start(name);
    },
    launchCommand: () => null,
    start,
    // systemd-nspawn(1), --kill-signal: it passes the init's own on when it gets this.
    stop: (name) => stop(name, 'SIGTERM'),
    remove,
    exec: (name, ...words) => ['nsenter', '-t', String(running.get(name)?.init ?? 0), '-m', '-u', '-i', '-n', '-p', '-r', '-w', ...words],
    copy,
    snapshot: null,
    restore: () => undefined,
    keepers: (name) => familyOf(running.get(name)?.child.pid ?? 0).filter((pid) => /^\(?systemd-nspawn|^\(sd-/.test(commandOf(pid))),
    [Symbol.dispose]() {
      for (const name of running.keys()) stop(name, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Its exit is not seen by Node while we wait without giving way. */
function isThere(child: ChildProcess): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** The first process of the machine: below nspawn, and the first of a pid namespace. */
function initBelow(child: ChildProcess): number {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline && isThere(child); spawnSync('sleep', ['0.002'])) {
    const init = familyOf(child.pid ?? 0).find((pid) => /^NSpid:\s+\d+\s+1$/m.test(statusOf(pid)) && commandOf(pid) === 'systemd');
    if (init !== undefined) return init;
  }
  throw new Error('systemd-nspawn did not start its machine');
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
