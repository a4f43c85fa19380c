import type { Client } from '#client';
import { OrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write, type Io } from '../io.ts';
import { requireTerminal } from '../terminal/require.ts';
import { parseMoment } from '../values/moment.ts';
import { requireJoinable } from './attach.ts';
import { runForeground } from './foreground.ts';

/** lxc-console(1)'s keys. Docker's work as well, unless others are asked for. */
const consoleKeys = 'ctrl-a,q';

/** The terminal of PID 1, as often at once as people like. */
export const joinConsole: Verb = async ({ args, io, client }) => {
  const engine = await client();
  const [ref = ''] = args.positionals;
  if (args.flag('show-log')) return showLog(engine, io, ref);
  const asked = args.text('detach-keys');
  const { Id: id, Config: config, HostConfig: host, State: state } = await engine.containers.inspect(ref);
  if (!config.Tty) {
    throw new OrlopError('failed-precondition', 'CLI_NO_CONSOLE', `container ${ref} has no console: its process was given no terminal`, {
      hint: `join its streams with: orlop attach ${ref}`,
    });
  }
  requireJoinable(ref, state);
  requireTerminal(io, true);
  const keys = asked ?? consoleKeys;
  await write(io.stderr, `This is the console of ${ref}: return wakes it, ${keys.replaceAll(',', ' ')} lets go of it.\n`);
  return runForeground(engine, io, {
    id,
    terminal: true,
    stdin: config.OpenStdin,
    stdout: true,
    stderr: true,
    detachKeys: keys,
    ...(asked === undefined ? { otherDetachKeys: '' } : {}),
    signalProxy: false,
    autoRemove: host.AutoRemove,
  });
};

/** What was printed since it was started last. */
async function showLog(engine: Client, io: Io, ref: string): Promise<number> {
  const { State: state } = await engine.containers.inspect(ref);
  // A container that never started has said nothing.
  if (state.StartedAt.startsWith('0001-')) return exitCodes.ok;
  const since = parseMoment(state.StartedAt, 0);
  for await (const { stream, data } of engine.containers.logs(ref, { since }))
    await write(stream === 'stderr' ? io.stderr : io.stdout, data);
  return exitCodes.ok;
}
