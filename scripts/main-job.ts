// What `npm start` does once everything is set up: the engine, an application of five containers, a machine beside it, and what to try next.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { JobError, ensureEngine } from './engine.ts';
import { projectRoot } from './rooms.ts';

const orlop = join(projectRoot, 'bin/orlop');
const image = 'debian:trixie';
const template = 'debian/trixie';
const machine = 'box';
const application = join(projectRoot, 'examples/three-tier');
const port = process.env['PORT'] ?? '8800';
const page = `http://localhost:${port}/`;
/** As one would type it here. */
const composeFile = relative(process.cwd(), join(application, 'compose.yaml'));

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

/** Launches the machine unless it is there: then it is started if need be. */
function ensureMachine(): void {
  const { ok, text } = ask('inspect', '--format', '{{.State.Status}}', machine);
  if (!ok) return show('launch', template, machine);
  say(`The machine ${machine} is there already${text === 'running' ? '.' : '; starting it.'}`);
  if (text !== 'running') show('start', machine);
}

/** The database's password: made once, read by containers that are not root's. The directory keeps everybody else out. */
function ensurePassword(): void {
  const directory = join(application, 'secrets');
  const file = join(directory, 'password');
  if (existsSync(file)) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(file, `${randomBytes(16).toString('hex')}\n`, { mode: 0o644 });
}

/** As a browser would: who answered, and the number of the visit. */
async function visit(): Promise<void> {
  say(`$ curl ${page}`);
  const answer = await fetch(page, { signal: AbortSignal.timeout(20_000) });
  const html = await answer.text();
  if (!answer.ok) throw new JobError(`${page} answers ${answer.status}: ${html.trim()}. Look with: orlop compose -f ${composeFile} logs`);
  for (const [, line = ''] of html.matchAll(/<(?:h1|p)>(.*)<\/(?:h1|p)>/g)) say(line.replaceAll(/<\/?b>/g, ''));
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
  const host = process.env['ORLOP_HOST'] ?? '';
  if (host === '') await ensureEngine(say);
  else say(`The engine at ${host} is used, as ORLOP_HOST says.`);
  title(`The base image ${image}, made from Debian's own packages`);
  show('template', 'build', template);
  title('An application: a database, three servers and a front, each from a Dockerfile of its own');
  ensurePassword();
  show('compose', '-f', composeFile, 'up', '--detach', '--wait');
  await visit();
  title('A system container');
  ensureMachine();
  await waitForInit();
  // Its exit code says how the machine is; the word is what a person wants to see.
  say(`$ orlop exec ${machine} systemctl is-system-running\n${ask('exec', machine, 'systemctl', 'is-system-running').text}`);
  title('Both kinds');
  show('ps');
  title('Try next');
  const at = `${projectRoot}/bin/orlop`;
  say(`${page}    # in a browser; each visit is counted`);
  say(`${at} run -it --rm ${image} bash    # a shell in an app container`);
  say(`${at} shell ${machine}    # log in to the machine; systemctl, journalctl and apt work there`);
  say(`${at} compose -f ${composeFile} logs -f    # what the application says; down ends it`);
  say(`npm stop; ${at} ps; npm start    # the engine goes and comes back; nobody notices`);
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
