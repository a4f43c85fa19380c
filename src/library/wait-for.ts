import { connect } from 'node:net';
import { OrlopError } from '#errors';
import { cancelled, sleep, throwIfAborted } from './abort.ts';
import type { Container } from './container.ts';
import type { LogLine } from '#client';

export interface WaitOptions {
  /** 60 s without. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const pollMs = 50;

/** Looks again and again until `look` has something. deadline-exceeded naming what was waited for. */
async function poll<Found>(what: string, { timeoutMs = 60_000, signal }: WaitOptions, look: () => Promise<Found | null>): Promise<Found> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    throwIfAborted(signal);
    const found = await look();
    if (found !== null) return found;
    if (Date.now() >= deadline) throw late(what, timeoutMs);
    await sleep(Math.min(pollMs, Math.max(1, deadline - Date.now())), signal);
  }
}

function late(what: string, timeoutMs: number): OrlopError {
  return new OrlopError('deadline-exceeded', 'LIBRARY_WAITED_IN_VAIN', `${what} did not come within ${timeoutMs} ms`);
}

/** Waits until its health check says that it is well. failed-precondition when it has none, has ended, or is unhealthy. */
export function waitForHealth(container: Container, options: WaitOptions): Promise<void> {
  return poll(`the health of ${container.name}`, options, async () => {
    const { State: state } = await container.inspect();
    if (state.Health === undefined)
      throw new OrlopError('failed-precondition', 'LIBRARY_NO_HEALTH_CHECK', `container ${container.name} has no health check`, {
        hint: 'give it one (health), or wait for a port or a line of its log',
      });
    if (state.Health.Status === 'healthy') return true;
    if (!state.Running) throw await hasEnded(container, state.ExitCode);
    if (state.Health.Status !== 'unhealthy') return null;
    const said = state.Health.Log.at(-1)?.Output.trim() ?? '';
    throw new OrlopError(
      'failed-precondition',
      'LIBRARY_UNHEALTHY',
      `container ${container.name} is unhealthy${said === '' ? '' : `: ${said}`}`,
    );
  }).then(() => undefined);
}

/** Waits until something in it accepts connections; resolves with where it was reached. */
export function waitForPort(container: Container, port: number, options: WaitOptions): Promise<{ address: string; port: number }> {
  return poll(`port ${port} of ${container.name}`, options, async () => {
    const { State: state, NetworkSettings: network } = await container.inspect();
    if (!state.Running) throw await hasEnded(container, state.ExitCode);
    const published = network.Ports[`${port}/tcp`]?.find(({ HostPort }) => HostPort !== '');
    const place =
      published === undefined
        ? { address: Object.values(network.Networks).find(({ IPAddress }) => IPAddress !== '')?.IPAddress ?? '', port }
        : { address: reachable(published.HostIp), port: Number(published.HostPort) };
    if (place.address === '')
      throw new OrlopError(
        'failed-precondition',
        'LIBRARY_NO_ADDRESS',
        `container ${container.name} has no address and port ${port} is not published`,
      );
    return (await accepts(place, options.signal)) ? place : null;
  });
}

/** An address for all of the host's stands for its own. */
export function reachable(address: string): string {
  if (address === '' || address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

function accepts({ address, port }: { address: string; port: number }, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (answer: boolean): void => {
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      resolve(answer);
    };
    const abort = (): void => finish(false);
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => finish(true)).once('error', () => finish(false));
    socket.setTimeout(1000, () => finish(false));
  });
}

/** Waits for a line of its output that holds the text or fits the pattern, said before or from now on; resolves with that line. */
export async function waitForLog(container: Container, pattern: string | RegExp, options: WaitOptions): Promise<LogLine> {
  const { timeoutMs = 60_000, signal } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  try {
    for await (const line of container.logs({ follow: true, signal: either })) {
      // A pattern with the flag g would go on from where it last was.
      if (typeof pattern === 'string' ? line.text.includes(pattern) : line.text.search(pattern) >= 0) return line;
    }
  } catch (error) {
    if (signal?.aborted === true) throw cancelled(signal);
    throw timeout.aborted ? late(`${String(pattern)} in the log of ${container.name}`, timeoutMs) : error;
  }
  throw await hasEnded(container, (await container.inspect()).State.ExitCode);
}

/** With the last of what it said, since that mostly says why. */
async function hasEnded(container: Container, exitCode: number): Promise<OrlopError> {
  const lines: string[] = [];
  for await (const { text } of container.logs({ tail: 10 })) lines.push(text);
  const said = lines.length === 0 ? '' : `, having said:\n${lines.join('\n')}`;
  return new OrlopError(
    'failed-precondition',
    'LIBRARY_CONTAINER_ENDED',
    `container ${container.name} does not run; it ended with ${exitCode}${said}`,
    {
      details: { exitCode },
    },
  );
}
