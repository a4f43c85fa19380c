import { OrlopError } from '#errors';
import type { Verb } from '../invocation.ts';
import { requireTerminal } from '../terminal/require.ts';
import { runForeground } from './foreground.ts';
import { readDetachKeys } from '../values/detach-keys.ts';
import { proxiesSignals } from './run.ts';

export const attach: Verb = async ({ args, io, client }) => {
  const detachKeys = await readDetachKeys(args, io);
  const engine = await client();
  const [ref = ''] = args.positionals;
  const { Id: id, Config: config, HostConfig: host, State: state } = await engine.containers.inspect(ref);
  requireJoinable(ref, state);
  const stdin = !args.flag('no-stdin') && config.OpenStdin;
  if (stdin) requireTerminal(io, config.Tty);
  return runForeground(engine, io, {
    id,
    terminal: config.Tty,
    stdin,
    stdout: true,
    stderr: true,
    detachKeys,
    signalProxy: proxiesSignals(args),
    autoRemove: host.AutoRemove,
  });
};

/** Docker's words. */
export function requireJoinable(ref: string, { Running: running, Paused: paused }: Readonly<Record<'Running' | 'Paused', boolean>>): void {
  if (!running) {
    throw new OrlopError('failed-precondition', 'CLI_NOT_RUNNING', 'cannot attach to a stopped container, start it first', {
      hint: `orlop start -a ${ref}`,
    });
  }
  if (paused)
    throw new OrlopError('failed-precondition', 'CLI_PAUSED', 'cannot attach to a paused container, unpause it first', {
      hint: `orlop unpause ${ref}`,
    });
}
