import { usageError, wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { requireTerminal } from '../terminal/require.ts';
import { selectNamed } from '../values/selection.ts';
import { forEach } from './each.ts';
import { runForeground } from './foreground.ts';
import { awaitMachine, readBootWait } from '../values/boot-wait.ts';
import { readDetachKeys } from '../values/detach-keys.ts';
import { proxiesSignals } from './run.ts';

export const start: Verb = async (invocation) => {
  const { args, io, client, command } = invocation;
  const engine = await client();
  if (!args.flag('attach') && !args.flag('interactive')) {
    const refs = await selectNamed(invocation, engine, { running: false });
    const bootWaitMs = readBootWait(args);
    const work = async (ref: string): Promise<string> => {
      await engine.containers.start(ref);
      if (bootWaitMs !== null) await awaitMachine(engine, io, ref, bootWaitMs);
      return ref;
    };
    return forEach(invocation, work, refs);
  }
  if (args.flag('wait')) throw usageError('--wait does not go with --attach and --interactive', command);
  if (args.flag('json')) throw usageError('--json does not go with --attach and --interactive: what the process says is not ours', command);
  if (args.flag('all') || args.positionals.length > 1) throw wrongWords('you cannot start and attach multiple containers at once', command);
  if (args.positionals.length === 0) throw wrongWords('"orlop start" requires at least 1 argument', command);
  const detachKeys = await readDetachKeys(args, io);
  const [ref = ''] = args.positionals;
  const { Id: id, Config: config, HostConfig: host, State: state } = await engine.containers.inspect(ref);
  const stdin = args.flag('interactive') && config.OpenStdin;
  if (stdin) requireTerminal(io, config.Tty);
  if (state.Running) return exitCodes.ok;
  return runForeground(engine, io, {
    id,
    terminal: config.Tty,
    stdin,
    stdout: true,
    stderr: true,
    detachKeys,
    signalProxy: proxiesSignals(args),
    autoRemove: host.AutoRemove,
    start: () => engine.containers.start(id),
  });
};
