import { spawnSync } from 'node:child_process';

/** A reason to stop: one sentence that says what to do, and what the command that failed has said. */
export class SetupError extends Error {
  /** @param {string} message @param {string} [said] */
  constructor(message, said = '') {
    super(message);
    this.said = said;
  }
}

/** @param {number} ms */
export function formatDuration(ms) {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/**
 * Runs a command with its output kept back, for the case that it fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {{ ok: boolean, said: string }} what it said, shortened
 */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { ...options, encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`.trimEnd();
  const fallback = result.error?.message ?? `${command} ended with ${result.status ?? result.signal}`;
  return { ok: result.status === 0, said: said === '' ? fallback : shorten(said) };
}

/** Tools say what is wrong either first or last. @param {string} text */
function shorten(text) {
  const lines = text.split('\n');
  return lines.length <= 40 ? text : [...lines.slice(0, 15), '…', ...lines.slice(-20)].join('\n');
}

/**
 * One calm line about a step, with the time it took.
 * @template T
 * @param {string} what
 * @param {() => T} work
 * @returns {T}
 */
export function timed(what, work) {
  process.stdout.write(`set-up: ${what} … `);
  const started = Date.now();
  try {
    const result = work();
    process.stdout.write(`${formatDuration(Date.now() - started)}\n`);
    return result;
  } catch (error) {
    process.stdout.write('failed\n');
    throw error;
  }
}
