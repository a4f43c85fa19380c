// `npm run pictures`: the terminals that the README and the guides show, drawn from what the programs really say. An engine of its own does the work.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '../rooms.ts';
import { formatCast, record, rename, type Recording, type Renaming, type Size } from './record.ts';
import { createScreen } from './screen.ts';
import { drawSvg } from './svg.ts';

const folder = join(projectRoot, 'docs/pictures');
const application = 'orlop compose -f examples/three-tier/compose.yaml';

interface Scene {
  readonly name: string;
  readonly line: string;
  readonly rows: number;
  readonly columns: number;
  /** How far the picture shows it, of its time; by default to its end. */
  readonly at?: number;
  /** The line that the picture begins with, below the command. */
  readonly from?: RegExp;
}

/** The first makes what the others need. */
const scenes: readonly Scene[] = [
  { name: 'start', line: 'npm start', rows: 60, columns: 172, from: /^== An application/ },
  { name: 'both-kinds', line: 'orlop ps && orlop stats --no-stream', rows: 24, columns: 172 },
  { name: 'machine', line: 'orlop exec box systemctl status --no-pager', rows: 24, columns: 112 },
  { name: 'build', line: 'orlop build --no-cache -t hello examples/hello', rows: 24, columns: 112, at: 0.6 },
];
const lastScene: Scene = { name: 'compose-up', line: `${application} up -d --wait`, rows: 40, columns: 84 };

async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'orlop-pictures-'));
  const host = `unix://${join(root, 'orlop.sock')}`;
  const env = {
    ORLOP_HOST: host,
    PATH: [join(projectRoot, 'bin'), process.env['PATH']].join(delimiter),
    NO_UPDATE_NOTIFIER: '1',
    LINES: '',
  };
  const engine = spawn(
    join(projectRoot, 'bin/orlopd'),
    ['--data-root', join(root, 'data'), '--exec-root', join(root, 'exec'), '-H', host, '--pidfile', join(root, 'pid')],
    { stdio: 'ignore' },
  );
  const ended = once(engine, 'close');
  const play = (line: string, size: Size): Promise<Recording> => record(line, size, env);
  const hidden = { rows: 100, columns: 200 };
  // As it is where people have it.
  const usual: readonly Renaming[] = [
    [host, 'unix:///run/orlop/orlop.sock'],
    [projectRoot, '/root/orlop'],
  ];
  try {
    while ((await play('orlop version >/dev/null 2>&1 || echo waiting', hidden)).events.length > 1) await delay(100);
    // What takes minutes once is not what the pictures are about.
    await play('npm start', hidden);
    await play('orlop template build -q busybox', hidden);
    for (const scene of scenes) keep(scene, rename(await play(scene.line, scene), usual));
    await play(`${application} down`, hidden);
    keep(lastScene, rename(await play(lastScene.line, lastScene), usual));
  } finally {
    await play(`${application} down -v --rmi all; orlop rm -f box`, hidden).catch(() => undefined);
    engine.kill('SIGTERM');
    await ended;
    rmSync(root, { recursive: true, force: true });
  }
}

function keep({ name, line, at = 1, from }: Scene, recording: Recording): void {
  const { rows, columns, events } = recording;
  const untilS = (events.at(-1)?.[0] ?? 0) * at;
  const screen = createScreen({ rows, columns });
  for (const [seconds, text] of events) if (seconds <= untilS) screen.write(text);
  const [command = [], ...rest] = screen.lines();
  const first = from === undefined ? 0 : rest.findIndex((runs) => from.test(runs.map(({ text }) => text).join('')));
  if (first < 0) throw new Error(`${line} did not say ${from}`);
  const lines = [command, ...rest.slice(first)];
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.svg`), drawSvg({ title: line, columns, lines }));
  writeFileSync(join(folder, `${name}.cast`), formatCast(recording));
  process.stdout.write(`docs/pictures/${name}.svg and .cast: ${line}\n`);
}

await main();
