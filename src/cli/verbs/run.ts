import { toOrlopError } from '#errors';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { exitCodeOfStart, exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { reportError } from '../render/error.ts';
import { terminalSize } from '../terminal/size.ts';
import { requireTerminal } from '../terminal/require.ts';
import { readContainerOptions } from '../values/container-options.ts';
import { readDetachKeys } from '../values/detach-keys.ts';
import { planCreate, planStreams } from '../values/create-body.ts';
import { openIdFile } from '../values/id-file.ts';
import { createPulling } from './create-pulling.ts';
import { runForeground } from './foreground.ts';

export const run: Verb = async ({ args, io, client, command }) => {
  const detach = args.flag('detach');
  const terminal = args.flag('tty');
  const streams = planStreams(args, detach);
  const detachKeys = await readDetachKeys(args, io);
  if (args.flag('json') && !detach) throw usageError('--json goes with --detach: what the process says is not ours', command);
  if (streams.stdin) requireTerminal(io, terminal);
  const size = terminal ? terminalSize(io.stdout) : undefined;
  try {
    const options = await readContainerOptions(args, io.env);
    const { body, name } = planCreate(args, options, streams, size === undefined ? undefined : [size.rows, size.columns]);
    const engine = await client();
    const { Id: id, Warnings: warnings } = await createNoting({ engine, args, io }, body, name);
    for (const warning of warnings) await write(io.stderr, `WARNING: ${warning}\n`);
    if (detach || !(streams.stdin || streams.stdout || streams.stderr)) {
      await engine.containers.start(id);
      await (args.flag('json') ? printJson(io, { Id: id, Warnings: warnings }) : write(io.stdout, `${id}\n`));
      return exitCodes.ok;
    }
    return await runForeground(engine, io, {
      id,
      terminal,
      ...streams,
      detachKeys,
      signalProxy: proxiesSignals(args),
      autoRemove: args.flag('rm'),
      start: () => engine.containers.start(id),
    });
  } catch (thrown) {
    const error = toOrlopError(thrown);
    await reportError(io, error, { json: args.flag('json') });
    return exitCodeOfStart(error);
  }
};

/** Writes the id down before anything runs. */
async function createNoting(...[invocation, body, name]: Parameters<typeof createPulling>): ReturnType<typeof createPulling> {
  await using idFile = await openIdFile(invocation.args.text('cidfile'));
  const created = await createPulling(invocation, body, name);
  await idFile?.write(created.Id);
  return created;
}

/** On unless it is switched off. */
export function proxiesSignals(args: Arguments): boolean {
  return !args.has('sig-proxy') || args.flag('sig-proxy');
}
