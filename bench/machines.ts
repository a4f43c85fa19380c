import { spawnSync } from 'node:child_process';
import type { BenchEngine } from './engine.ts';
import { lxdMachines, type MachineEngine, nspawnMachines, ourMachines, prepareMachineTar } from './machine-peers.ts';
import { finish } from './measure.ts';
import { proportionalKb } from './memory.ts';
import type { Row, Series } from './samples.ts';

const together = 16;

/** What is measured of a machine's life, in the order in which it happens, with its budget (DESIGN, budgets of system containers). */
const works = {
  launch: { work: 'launch a machine of Debian 13', unit: 'ms', budget: '<= 300' },
  target: { work: 'boot to target, after launch', unit: 'ms', budget: '<= 281' },
  exec: { work: 'exec MACHINE true', unit: 'ms', budget: '<= 20' },
  memory: { work: 'memory of an idle machine beside its own (PSS)', unit: 'kB', budget: '<= 300' },
  live: { work: 'snapshot of a running machine', unit: 'ms', budget: '' },
  stop: { work: 'stop, by its init', unit: 'ms', budget: '' },
  snapshot: { work: 'snapshot', unit: 'ms', budget: '<= 50' },
  restore: { work: 'restore', unit: 'ms', budget: '' },
  copy: { work: 'copy', unit: 'ms', budget: '<= 50' },
  start: { work: 'start a stopped machine, to its target', unit: 'ms', budget: '' },
} as const;

type Measured = Readonly<Record<keyof typeof works, number[]>>;

/** System containers beside LXD's and systemd-nspawn's, of the same root; ours have a network, theirs have none. */
export async function machines(engine: BenchEngine, rounds: number): Promise<Row[]> {
  const root = prepareMachineTar(engine);
  using nspawn = nspawnMachines(root);
  const contenders = [ourMachines(engine), lxdMachines(root), nspawn].filter((one) => one !== null);
  const able = contenders.filter((one) => one.who === 'orlop' || isAble(one));
  const measured = new Map(able.map((one) => [one, emptyMeasures()]));
  for (let round = 0; round < rounds; round++) for (const [one, into] of measured) lifeOf(one, `bench-machine-${round}`, into);
  const series = (key: keyof typeof works): Series[] =>
    [...measured].flatMap(([{ who }, values]) => (values[key].length === 0 ? [] : [{ who, values: values[key] }]));
  const rows = (Object.keys(works) as (keyof typeof works)[]).map((key): Row => ({ ...works[key], series: series(key) }));
  const many: Series[] = [];
  for (const one of able) if (one.launchCommand('') !== null) many.push({ who: one.who, values: [await launchMany(one)] });
  return [...rows, { work: `${together} launches at once, all over`, unit: 'ms', budget: '', series: many }];
}

function emptyMeasures(): Measured {
  return Object.fromEntries(Object.keys(works).map((key) => [key, []])) as unknown as Measured;
}

/** The round that warms up; a peer that fails in it is said and left out. */
function isAble(one: MachineEngine): boolean {
  // Of a run that was cut off.
  removeIfThere(one, 'bench-warm');
  try {
    lifeOf(one, 'bench-warm', emptyMeasures());
    return true;
  } catch (error) {
    process.stdout.write(`${one.who} left out: ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

/** One machine from its making to its removal. */
function lifeOf(one: MachineEngine, name: string, into: Measured): void {
  const time = (key: keyof typeof works, work: () => void): void => {
    const began = performance.now();
    work();
    into[key].push(performance.now() - began);
  };
  const { snapshot } = one;
  try {
    time('launch', () => one.launch(name));
    time('target', () => untilUp(one, name));
    for (let count = 0; count < 5; count++) time('exec', () => void ask(one.exec(name, 'true')));
    into.memory.push(proportionalKb(one.keepers(name)));
    if (snapshot !== null) time('live', () => snapshot(name, 'live'));
    time('stop', () => one.stop(name));
    if (snapshot !== null) {
      time('snapshot', () => snapshot(name, 'stopped'));
      time('restore', () => one.restore(name, 'stopped'));
    }
    time('copy', () => one.copy(name, `${name}-copy`));
    one.remove(`${name}-copy`);
    time('start', () => {
      one.start(name);
      untilUp(one, name);
    });
  } catch (error) {
    removeIfThere(one, name);
    throw error;
  }
  one.remove(name);
}

/** What went wrong before counts, not that it left nothing. */
function removeIfThere(one: MachineEngine, name: string): void {
  try {
    one.remove(name);
  } catch {
    // It was never made.
  }
}

/** Until systemd says that all it was to start has been started. It answers nothing before its bus is there. */
function untilUp(one: MachineEngine, name: string): void {
  const command = one.exec(name, 'systemctl', 'is-system-running', '--wait');
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) if (['running', 'degraded'].includes(ask(command))) return;
  throw new Error(`the machine ${name} of ${one.who} does not come up`);
}

function ask(command: readonly string[]): string {
  const [file = '', ...args] = command;
  return spawnSync(file, args, { encoding: 'utf8', timeout: 60_000 }).stdout.trim();
}

async function launchMany(one: MachineEngine): Promise<number> {
  const names = Array.from({ length: together }, (_, at) => `bench-many-${at}`);
  try {
    const began = performance.now();
    await Promise.all(names.map((name) => finish(one.launchCommand(name) ?? [])));
    return performance.now() - began;
  } finally {
    for (const name of names) removeIfThere(one, name);
  }
}
