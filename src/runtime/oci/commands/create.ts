import { isAbsolute } from 'node:path';
import type { FlagTable, ParsedFlags } from '../arguments.ts';
import { type Command, takeId } from '../command.ts';
import type { RuntimeContext } from '../context.ts';
import { createContainer } from '../create.ts';
import { openForeground } from '../foreground.ts';
import { type Bundle, openBundle } from '../bundle.ts';
import { removeWhole } from '../remove.ts';
import { runPoststart } from '../start.ts';
import { openStreams, type Streams } from '../terminal.ts';

const createFlags: FlagTable = {
  bundle: { kind: 'text', short: 'b', about: 'directory of the bundle (default: here)' },
  'console-socket': { kind: 'text', about: 'unix socket that takes the terminal' },
  'pid-file': { kind: 'text', about: 'file for the process id' },
  'no-pivot': { kind: 'flag', about: 'chroot instead of pivot_root' },
  'no-new-keyring': { kind: 'flag', about: 'keep the session keyring' },
  'preserve-fds': { kind: 'number', about: 'how many further descriptors, from 3 on, the process gets' },
};

const runFlags: FlagTable = {
  ...createFlags,
  detach: { kind: 'flag', short: 'd', about: 'do not wait for the process' },
  keep: { kind: 'flag', about: 'keep the container after the process has ended' },
};

export const create: Command = {
  about: 'create a container of a bundle',
  usage: '<container-id>',
  flags: createFlags,
  async run(context, flags, rest) {
    const bundle = openBundle(flags.text('bundle') ?? '.');
    using streams = streamsOf(context, flags, bundle, true);
    await createContainer(context, { ...optionsOf(flags, takeId(rest)), bundle, waitForStart: true, stdio: streams.stdio });
    return 0;
  },
};

export const run: Command = {
  about: 'create a container, start it and wait for it',
  usage: '<container-id>',
  flags: runFlags,
  async run(context, flags, rest) {
    const detach = flags.flag('detach');
    const bundle = openBundle(flags.text('bundle') ?? '.');
    using streams = streamsOf(context, flags, bundle, detach);
    using foreground = detach ? null : openForeground(context.addon());
    const record = await createContainer(context, { ...optionsOf(flags, takeId(rest)), bundle, waitForStart: false, stdio: streams.stdio });
    runPoststart(context, record);
    if (foreground === null) return 0;
    const copied = streams.follow();
    const code = await foreground.waitFor(record.pid);
    await copied;
    if (!flags.flag('keep')) await removeWhole(context, record);
    return code;
  },
};

function optionsOf(flags: ParsedFlags, id: string) {
  const pidFile = flags.text('pid-file');
  return {
    id,
    ...(pidFile === undefined ? {} : { pidFile }),
    noPivot: flags.flag('no-pivot'),
    noNewKeyring: flags.flag('no-new-keyring'),
    passed: inheritedDescriptors(flags),
  };
}

/** Those that --preserve-fds speaks of, and those of socket activation (sd_listen_fds(3)). */
export function inheritedDescriptors(flags: ParsedFlags): number[] {
  const count = (flags.number('preserve-fds') ?? 0) + Number(process.env['LISTEN_FDS'] ?? 0);
  return Array.from({ length: count }, (_unused, index) => 3 + index);
}

function streamsOf(context: RuntimeContext, flags: ParsedFlags, { spec }: Bundle, detach: boolean): Streams {
  const consoleSocket = flags.text('console-socket');
  const size = spec.process?.consoleSize;
  return openStreams(context.addon(), {
    terminal: spec.process?.terminal === true,
    detach,
    ...(consoleSocket === undefined ? {} : { consoleSocket: absolute(consoleSocket) }),
    ...(size === undefined ? {} : { size }),
  });
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : `${process.cwd()}/${path}`;
}
