import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PingBody } from '#wire';
import { projectRoot } from './rooms.ts';

export const socketPath = '/run/orlop/orlop.sock';
const pidFile = '/run/orlop/orlopd.pid';
const logFile = '/var/log/orlop/orlopd.log';

/** A reason to stop: one sentence that says what to do. */
export class JobError extends Error {}

/** Asks the engine that serves the default socket who it is; null when none answers. */
export async function pingEngine(): Promise<PingBody | null> {
  return await new Promise((resolve) => {
    const call = request({ socketPath, path: '/orlop/v1/ping', timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(response.statusCode === 200 ? (JSON.parse(text) as PingBody) : null));
      response.on('error', () => resolve(null));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(null));
    call.end();
  });
}

/** The build id that set-up gave the bundles of this checkout. */
function ownBuildId(): string {
  const stamps = JSON.parse(readFileSync(join(projectRoot, 'build/stamp.json'), 'utf8')) as { bundles: string };
  return stamps.bundles.slice(0, 12);
}

/** Starts the engine on its default roots unless it runs; one of another build is replaced, which its containers do not notice. */
export async function ensureEngine(say: (line: string) => void): Promise<void> {
  const running = await pingEngine();
  const own = ownBuildId();
  if (running?.buildId === own) return say(`The engine runs (version ${running.version}, build ${own}).`);
  if (running !== null) {
    say(`The engine that runs is of another build (${running.buildId}, here ${own}): restarting it. Containers go on meanwhile.`);
    await stopEngine();
  }
  const { version } = await startEngine();
  say(`The engine has started (version ${version}, build ${own}; log: ${logFile}).`);
}

async function startEngine(): Promise<PingBody> {
  mkdirSync('/var/log/orlop', { recursive: true });
  const log = openSync(logFile, 'a');
  const engine = spawn(join(projectRoot, 'bin/orlopd'), ['--pidfile', pidFile], {
    cwd: '/',
    detached: true,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LANG: 'C.UTF-8' },
    stdio: ['ignore', log, log],
  });
  let ended = false;
  engine.on('exit', () => (ended = true));
  engine.on('error', () => (ended = true));
  for (const deadline = Date.now() + 30_000; Date.now() < deadline && !ended; await delay(20)) {
    const answer = await pingEngine();
    if (answer === null) continue;
    engine.unref();
    return answer;
  }
  const words = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  throw new JobError(`the engine ${ended ? 'ended at once' : 'does not answer'}; its log ${logFile} ends with:\n${words}`);
}

/** Ends the engine and waits until it is gone; containers go on. False when none ran. */
export async function stopEngine(): Promise<boolean> {
  if ((await pingEngine()) === null) return false;
  const pid = Number(readPidFile());
  if (!Number.isInteger(pid) || pid <= 1)
    throw new JobError(`an engine answers on ${socketPath}, but ${pidFile} does not name it. Stop it where you started it.`);
  process.kill(pid, 'SIGTERM');
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await delay(20)) {
    if (!isAlive(pid)) return true;
  }
  throw new JobError(`the engine (process ${pid}) does not end. Look into ${logFile}; "kill -9 ${pid}" ends it, its containers go on.`);
}

function readPidFile(): string {
  try {
    return readFileSync(pidFile, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Whether it still runs; one that has ended and waits for a parent to notice does not. proc_pid_stat(5) */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return false;
  }
}
