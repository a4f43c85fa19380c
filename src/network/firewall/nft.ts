import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { isErrno, OrlopError, type ErrorKind } from '#errors';
import type { NetworkCalls } from '../types.ts';
import type { Ruleset } from './ruleset.ts';

/** nft does its work in milliseconds; one that takes this long is stuck. */
const timeoutMs = 20_000;
const instead = 'or use --network none or --network host';

/**
 * Applies the commands in one transaction (`nft -j -f -`). Fails with `failed-precondition` when nft is not installed or the kernel has no
 * nf_tables, `permission-denied` without CAP_NET_ADMIN, `deadline-exceeded`, or `internal` with nft's own words.
 */
export async function applyRuleset(addon: NetworkCalls, ruleset: Ruleset): Promise<void> {
  // nft opens /dev/stdin by name, which works for a file but not for the socket pairs that Node makes of its pipes.
  const input = addon.memfd('orlop-nft', Buffer.from(JSON.stringify(ruleset)));
  try {
    const { code, signal, stderr } = await runNft(input);
    if (code !== 0) throw describeFailure(code, signal, stderr);
  } finally {
    addon.close(input);
  }
}

async function runNft(input: number): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }> {
  const env = { ...process.env, PATH: searchPath(), LC_ALL: 'C' };
  const child = spawn('nft', ['-j', '-f', '-'], { stdio: [input, 'ignore', 'pipe'], env, timeout: timeoutMs, killSignal: 'SIGKILL' });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error) => reject(describeSpawnFailure(error)));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const [status, stderr] = await Promise.all([ended, child.stderr === null ? '' : text(child.stderr)]);
  return { ...status, stderr };
}

/** nft lives in a directory that a service's PATH may lack. */
function searchPath(): string {
  return [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].filter((part) => part !== '').join(':');
}

function describeSpawnFailure(cause: Error): OrlopError {
  if (!isErrno(cause, 'ENOENT'))
    return new OrlopError('unavailable', 'NETWORK_NFT_FAILED', `nft cannot be run: ${cause.message}`, { cause });
  return new OrlopError('failed-precondition', 'NETWORK_NFT_MISSING', 'bridge networks need nft, which is not installed', {
    hint: `install the package nftables, ${instead}`,
    cause,
  });
}

/** Turns nft's exit into an error of ours. Pure. */
export function describeFailure(code: number | null, signal: NodeJS.Signals | null, stderr: string): OrlopError {
  const words = stderr.trim().split('\n')[0] ?? '';
  const failed = (kind: ErrorKind, reason: string, message: string, hint?: string): OrlopError =>
    new OrlopError(kind, `NETWORK_NFT_${reason}`, message, hint === undefined ? {} : { hint });
  if (signal === 'SIGKILL') return failed('deadline-exceeded', 'STUCK', `nft did not end within ${timeoutMs / 1000} seconds`);
  if (/not permitted|permission denied/i.test(words)) {
    return failed('permission-denied', 'DENIED', `nft may not change the firewall: ${words}`, 'run the engine as root');
  }
  if (/not supported|no such file or directory/i.test(words)) {
    const hint = `use a kernel that has nf_tables with NAT, ${instead}`;
    return failed('failed-precondition', 'UNSUPPORTED', `the kernel lacks what the firewall needs: ${words}`, hint);
  }
  const status = code === null ? `ended by ${signal}` : `status ${code}`;
  return failed('internal', 'FAILED', `nft refused the firewall table: ${words === '' ? status : words}`);
}
