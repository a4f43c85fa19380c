import { loadRecord } from '../../state/record.ts';
import { type Command, takeId } from '../command.ts';
import { deleteContainer, killContainer } from '../remove.ts';
import { startCreated } from '../start.ts';
import { cgroupOf, requireStatus } from '../status.ts';

export const start: Command = {
  about: 'start the program of a created container',
  usage: '<container-id>',
  flags: {},
  async run(context, _flags, rest) {
    await startCreated(context, loadRecord(context.root, takeId(rest)));
    return 0;
  },
};

export const kill: Command = {
  about: 'send a signal (default SIGTERM) to the first process of a container',
  usage: '<container-id> [signal]',
  flags: { all: { kind: 'flag', short: 'a', about: 'send it to all processes' } },
  async run(context, flags, rest) {
    await killContainer(context, loadRecord(context.root, takeId(rest, 2)), rest[1] ?? 'SIGTERM', flags.flag('all'));
    return 0;
  },
};

export const remove: Command = {
  about: 'delete a stopped container and what it held',
  usage: '<container-id>',
  flags: { force: { kind: 'flag', short: 'f', about: 'end it first; fine when it does not exist' } },
  async run(context, flags, rest) {
    await deleteContainer(context, takeId(rest), flags.flag('force'));
    return 0;
  },
};

export const pause: Command = {
  about: 'stop all processes of a container',
  usage: '<container-id>',
  flags: {},
  async run(context, _flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    requireStatus(context, record, 'pause', 'running', 'created');
    await cgroupOf(context, record).freeze();
    return 0;
  },
};

export const resume: Command = {
  about: 'let the processes of a paused container go on',
  usage: '<container-id>',
  flags: {},
  async run(context, _flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    requireStatus(context, record, 'resume', 'paused');
    await cgroupOf(context, record).thaw();
    return 0;
  },
};
