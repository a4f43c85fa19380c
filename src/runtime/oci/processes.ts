import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Addon } from '#sys';
import { pause } from './pause.ts';

/** ps(1)'s lines for these processes, with its head; options default to `-ef`. */
export function listProcesses(addon: Addon, pids: readonly number[], options: readonly string[]): string {
  const [head = '', ...lines] = runPs(addon, options.length === 0 ? ['-ef'] : options).split('\n');
  const column = head.trim().split(/\s+/).indexOf('PID');
  if (column < 0)
    throw new OrlopError('invalid-argument', 'RUNTIME_PS_OPTIONS', "couldn't find PID field in ps output", {
      hint: 'add it, for example -o pid,args',
    });
  const wanted = new Set(pids.map(String));
  return [head, ...lines.filter((line) => wanted.has(line.trim().split(/\s+/)[column] ?? ''))].map((line) => `${line}\n`).join('');
}

function runPs(addon: Addon, options: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-ps-'));
  try {
    const output = openSync(join(directory, 'output'), 'w');
    try {
      const { pidfd } = spawnPs(addon, options, output);
      let ended = addon.reap(pidfd);
      for (; ended === null; ended = addon.reap(pidfd)) pause(1);
      addon.close(pidfd);
      if (ended.status !== 0)
        throw new OrlopError(
          'invalid-argument',
          'RUNTIME_PS_OPTIONS',
          `exit status ${ended.status >> 8}: ${readFileSync(join(directory, 'output'), 'utf8')}`,
        );
    } finally {
      closeSync(output);
    }
    return readFileSync(join(directory, 'output'), 'utf8');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function spawnPs(addon: Addon, options: readonly string[], output: number): { pidfd: number } {
  const environment = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C'];
  for (const program of ['/usr/bin/ps', '/bin/ps']) {
    try {
      return addon.spawn(program, ['ps', ...options], environment, [-1, output, output], false);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  throw new OrlopError('failed-precondition', 'RUNTIME_NO_PS', 'ps is not installed', { hint: 'install procps, or use --format json' });
}
