import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { isErrno, OrlopError } from '#errors';
import type { NetworkCalls } from '../types.ts';

export interface NftOptions {
  /** Where to look for nft: like PATH. */
  readonly searchPath?: string;
  /** nft does its work in milliseconds; one that takes this long is stuck. Default 20,000. */
  readonly timeoutMs?: number;
}

/** What became of a run of nft; no code when a signal ended it. */
export interface NftOutcome {
  readonly code: number | null;
  readonly stderr: string;
}

const instead = 'or use --network none or --network host';

/**
 * Applies commands in the language of nft(8), in one transaction (`nft -f -`). Fails with `failed-precondition` when nft is not installed or the kernel has no
 * nf_tables, `permission-denied` without CAP_NET_ADMIN, `deadline-exceeded`, or `internal` with nft's own words.
 */
export async function applyRuleset(
  addon: Pick<NetworkCalls, 'memfd' | 'close'>,
  commands: string,
  options: NftOptions = {},
): Promise<void> {
  // nft opens /dev/stdin by name, which works for a file but not for the socket pairs that Node makes of its pipes.
  const input = addon.memfd('orlop-nft', Buffer.from(commands));
  try {
    await runNft(['-f', '-'], input, options);
  } finally {
    addon.close(input);
  }
}

/** All tables of the host, as libnftables-json(5) has them. Fails as `applyRuleset`. */
export async function listRuleset(options: NftOptions = {}): Promise<unknown> {
  const printed = await runNft(['-j', 'list', 'ruleset'], 'ignore', options);
  try {
    return JSON.parse(printed);
  } catch (cause) {
    throw new OrlopError('internal', 'NETWORK_NFT_FAILED', 'nft printed something that is not JSON', { cause });
  }
}

async function runNft(words: readonly string[], input: number | 'ignore', options: NftOptions): Promise<string> {
  const { searchPath = defaultSearchPath(), timeoutMs = 20_000 } = options;
  const child = spawn('nft', words, {
    stdio: [input, 'pipe', 'pipe'],
    env: { ...process.env, PATH: searchPath, LC_ALL: 'C' },
    signal: AbortSignal.timeout(timeoutMs),
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(describeSpawnFailure(error, timeoutMs)));
    child.once('close', resolve);
  });
  const [code, stdout, stderr] = await Promise.all([
    ended,
    ...[child.stdout, child.stderr].map((stream) => (stream === null ? '' : text(stream))),
  ]);
  if (code !== 0) throw describeFailure({ code: code ?? null, stderr: stderr ?? '' });
  return stdout ?? '';
}

/** A service's PATH may lack the directories of system programs. */
function defaultSearchPath(): string {
  return [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].filter((part) => part !== '').join(':');
}

function describeSpawnFailure(cause: Error, timeoutMs: number): OrlopError {
  if (cause.name === 'AbortError') {
    return new OrlopError('deadline-exceeded', 'NETWORK_NFT_STUCK', `nft did not end within ${timeoutMs} ms`, { cause });
  }
  if (!isErrno(cause, 'ENOENT')) {
    return new OrlopError('unavailable', 'NETWORK_NFT_FAILED', `nft cannot be run: ${cause.message}`, { cause });
  }
  return new OrlopError('failed-precondition', 'NETWORK_NFT_MISSING', 'bridge networks need nft, which is not installed', {
    hint: `install the package nftables, ${instead}`,
    cause,
  });
}

/** Turns a failed run of nft into an error of ours. Pure. */
export function describeFailure({ code, stderr }: NftOutcome): OrlopError {
  const words = stderr.trim().split('\n')[0] ?? '';
  if (/not permitted|permission denied/i.test(words)) {
    const hint = 'run the engine as root';
    return new OrlopError('permission-denied', 'NETWORK_NFT_DENIED', `nft may not change the firewall: ${words}`, { hint });
  }
  if (/not supported|no such file or directory/i.test(words)) {
    const hint = `use a kernel that has nf_tables with NAT, ${instead}`;
    return new OrlopError('failed-precondition', 'NETWORK_NFT_UNSUPPORTED', `the kernel lacks what the firewall needs: ${words}`, { hint });
  }
  const reason = words === '' ? `it ended with ${code ?? 'a signal'}` : words;
  return new OrlopError('internal', 'NETWORK_NFT_FAILED', `nft refused the firewall table: ${reason}`);
}
