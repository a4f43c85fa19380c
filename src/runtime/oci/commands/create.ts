import { isAbsolute } from 'node:path';
import type { FlagTable, ParsedFlags } from '../arguments.ts';
import { type Command, one, takeId } from '../command.ts';
import type { RuntimeContext } from '../context.ts';
import { createContainer, type CreateOptions } from '../create.ts';
import { openForeground } from '../foreground.ts';
import { type Bundle, openBundle } from '../bundle.ts';
import { findInherited } from '../inherited.ts';
import { type NotifyRelay, openNotifyRelay } from '../notify.ts';
import { removeWhole } from '../remove.ts';
import { runPoststart } from '../start.ts';
import { openStreams, type Streams } from '../terminal.ts';
import { checkId } from '../../state/record.ts';

const createFlags: FlagTable = {
  bundle: { kind: 'text', short: 'b', about: 'path to the root of the bundle directory, defaults to the current directory' },
  config: {
    kind: 'text',
    short: 'f',
    about: "the specification file, by a path below the bundle's, as crun has it",
    preset: '"config.json"',
  },
  'console-socket': { kind: 'text', about: 'path to an AF_UNIX socket which takes the terminal' },
  'pidfd-socket': { kind: 'text', about: "path to an AF_UNIX socket which takes a pidfd of the container's process" },
  'pid-file': { kind: 'text', about: 'file to write the process id to' },
  'no-pivot': { kind: 'flag', about: 'chroot instead of pivot_root, for roots on top of a ramdisk' },
  'no-new-keyring': { kind: 'flag', about: 'keep the session keyring of the caller' },
  'preserve-fds': { kind: 'number', about: 'pass N additional file descriptors to the container', preset: '0' },
};

const runFlags: FlagTable = {
  ...createFlags,
  detach: { kind: 'flag', short: 'd', about: "detach from the container's process" },
  keep: { kind: 'flag', about: 'do not delete the container after it exits' },
  'no-subreaper': { kind: 'flag', about: 'adopt no process that outlives its parent', hidden: true },
};

const description = 'The bundle is a directory with a specification file named "config.json" and a root filesystem.';

export const create: Command = {
  about: 'create a container',
  usage: '<container-id>',
  description,
  flags: createFlags,
  arity: one,
  prefix: 'runc create failed: ',
  async run(context, flags, rest) {
    const { bundle, options } = prepare(context, flags, rest);
    using streams = streamsOf(context, flags, bundle, true);
    await createContainer(context, { ...options, waitForStart: true, stdio: streams.stdio });
    return 0;
  },
};

export const run: Command = {
  about: 'create and run a container',
  usage: '<container-id>',
  description,
  flags: runFlags,
  arity: one,
  prefix: 'runc run failed: ',
  async run(context, flags, rest) {
    const detach = flags.flag('detach');
    const { bundle, options } = prepare(context, flags, rest);
    using streams = streamsOf(context, flags, bundle, detach);
    using foreground = detach ? null : openForeground(context.addon(), { adopts: !flags.flag('no-subreaper') });
    using ready = new DisposableStack();
    let relay: NotifyRelay | null = null;
    const whenReserved = (directory: string): void => {
      relay = ready.use(openNotifyRelay(context.addon(), directory));
    };
    const record = await createContainer(context, { ...options, waitForStart: false, stdio: streams.stdio, whenReserved });
    await runPoststart(context, record, bundle.spec);
    const told = (relay as NotifyRelay | null)?.waitUntilReady(record);
    if (foreground === null) await told;
    if (foreground === null) return 0;
    const copied = streams.follow();
    const code = await foreground.waitFor(record.pid, streams.areCopied || told !== undefined);
    await copied;
    if (!flags.flag('keep')) await removeWhole(context, record, bundle.spec);
    return code;
  },
};

function prepare(
  context: RuntimeContext,
  flags: ParsedFlags,
  rest: readonly string[],
): { bundle: Bundle; options: Omit<CreateOptions, 'waitForStart' | 'stdio'> } {
  const bundle = openBundle(context.addon(), flags.text('bundle') ?? '.', flags.text('config') || 'config.json');
  const pidFile = flags.text('pid-file') ?? '';
  const options = {
    id: checkId(takeId(rest)),
    bundle,
    ...(pidFile === '' ? {} : { pidFile }),
    pidfdSocket: flags.text('pidfd-socket') ?? '',
    noPivot: flags.flag('no-pivot'),
    noNewKeyring: flags.flag('no-new-keyring'),
    inherited: findInherited(flags.number('preserve-fds') ?? 0),
  };
  return { bundle, options };
}

function streamsOf(context: RuntimeContext, flags: ParsedFlags, { spec }: Bundle, detach: boolean): Streams {
  const consoleSocket = flags.text('console-socket') ?? '';
  const size = spec.process?.consoleSize;
  return openStreams(context.addon(), {
    terminal: spec.process?.terminal === true,
    detach,
    ...(consoleSocket === '' ? {} : { consoleSocket: isAbsolute(consoleSocket) ? consoleSocket : `${process.cwd()}/${consoleSocket}` }),
    ...(size === undefined ? {} : { size }),
  });
}
