// What `npm start` does once everything is set up: the engine, one container of each kind, and what to try next.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { JobError, ensureEngine } from './engine.ts';
import { projectRoot } from './rooms.ts';

const orlop = join(projectRoot, 'bin/orlop');
const image = 'debian:trixie';
const template = 'debian/trixie';
const service = 'clock';
const machine = 'box';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const title = (line: string): void => say(`\n== ${line}`);

/** A command line as one would type it into a shell. */
function quote(args: readonly string[]): string {
  return args.map((text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)).join(' ');
}

/** Shows the command as a user would type it, then runs it on this terminal. */
function show(...args: readonly string[]): void {
  say(`$ orlop ${quote(args)}`);
  const { status, signal } = spawnSync(orlop, args, { stdio: 'inherit' });
  if (status !== 0) throw new JobError(`"orlop ${quote(args)}" ended with ${signal ?? `exit code ${status}`}`);
}

function ask(...args: readonly string[]): { ok: boolean; text: string } {
  const { status, stdout } = spawnSync(orlop, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return { ok: status === 0, text: (stdout ?? '').trim() };
}

/** Makes a container with this command unless one of that name is there: then it is started if need be. */
function ensureContainer(name: string, ...make: readonly string[]): void {
  const { ok, text } = ask('inspect', '--format', '{{.State.Status}}', name);
  if (!ok) return show(...make);
  say(`The container ${name} is there already${text === 'running' ? '.' : '; starting it.'}`);
  if (text !== 'running') show('start', name);
}

/** Waits until the machine's init says that it has booted; until it listens, the question itself fails. */
async function waitForInit(): Promise<void> {
  const settled = new Set(['running', 'degraded', 'maintenance']);
  let last = '';
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await delay(100)) {
    last = ask('exec', machine, 'systemctl', 'is-system-running', '--wait').text;
    if (settled.has(last)) return;
  }
  throw new JobError(`the init of ${machine} has not settled in two minutes; it says "${last}". Look with: orlop logs ${machine}`);
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new JobError('the engine needs root. Run "sudo npm start".');
  title('The engine');
  await ensureEngine(say);
  title(`The base image ${image}, made from Debian's own packages`);
  show('template', 'build', template);
  title('App containers');
  show('run', '--rm', image, 'cat', '/etc/os-release');
  ensureContainer(service, 'run', '--detach', '--name', service, image, 'sh', '-c', 'while date; do sleep 10; done');
  title('A system container');
  ensureContainer(machine, 'launch', template, machine);
  await waitForInit();
  // Its exit code says how the machine is; the word is what a person wants to see.
  say(`$ orlop exec ${machine} systemctl is-system-running\n${ask('exec', machine, 'systemctl', 'is-system-running').text}`);
  show('exec', machine, 'systemctl', 'list-units', '--type=service', '--state=running', '--no-pager');
  title('Both kinds');
  show('ps');
  title('Try next');
  const at = `${projectRoot}/bin/orlop`;
  say(`${at} run -it --rm ${image} bash    # a shell in an app container`);
  say(`${at} exec -it ${machine} bash    # a shell in the machine; systemctl, journalctl and apt work there`);
  say(`npm stop; ${at} ps; npm start    # the engine goes and comes back; ${machine} does not notice`);
}

// A reader that has seen enough: `npm start | head`.
process.stdout.on('error', () => process.exit(141));
try {
  await main();
} catch (error) {
  if (!(error instanceof JobError)) throw error;
  process.stderr.write(`start: ${error.message}\n`);
  process.exitCode = 1;
}
