import type { FlagTable } from './arguments.ts';
import type { Command } from './command.ts';
import { checkpoint, restore } from './commands/checkpoint.ts';
import { create, run } from './commands/create.ts';
import { features } from './commands/features.ts';
import { events } from './commands/events.ts';
import { exec } from './commands/exec.ts';
import { kill, pause, remove, resume, start } from './commands/lifecycle.ts';
import { list, ps, state } from './commands/show.ts';
import { spec } from './commands/spec.ts';
import { update } from './commands/update.ts';

/** Every command of the runtime, by its name. */
export const runtimeCommands: Readonly<Record<string, Command>> = {
  checkpoint,
  create,
  delete: remove,
  events,
  exec,
  kill,
  list,
  pause,
  ps,
  restore,
  resume,
  run,
  spec,
  start,
  state,
  update,
  features,
};

export const defaultRoot = '/run/orlop-runtime';

/** What stands before the command's name. */
export const runtimeFlags: FlagTable = {
  debug: { kind: 'flag', about: 'log what is done, step by step' },
  log: { kind: 'text', about: "file that errors are logged to (default is '/dev/stderr')" },
  'log-format': { kind: 'text', about: "'text' or 'json'", preset: '"text"' },
  root: { kind: 'text', about: 'where the records of containers are (this should be a tmpfs)', preset: JSON.stringify(defaultRoot) },
  criu: { kind: 'text', about: 'ignored: containers are not checkpointed', hidden: true },
  'systemd-cgroup': { kind: 'flag', about: 'let systemd make cgroups: cgroupsPath is then "slice:prefix:name"' },
  'cgroup-manager': { kind: 'text', about: "'systemd' for --systemd-cgroup, or 'cgroupfs', as crun names them", preset: '"cgroupfs"' },
  rootless: { kind: 'text', about: "'auto' or 'false': this runtime runs as root", preset: '"auto"' },
  help: { kind: 'flag', short: 'h', about: 'show help' },
  version: { kind: 'flag', short: 'v', about: 'print the version' },
};
