import { loadRecord } from '../../state/record.ts';
import { type Command, one, takeId } from '../command.ts';
import { deleteContainer, killContainer } from '../remove.ts';
import { startCreated } from '../start.ts';
import { cgroupOf, requireStatus } from '../status.ts';

export const start: Command = {
  about: 'executes the user defined process in a created container',
  usage: '<container-id>',
  flags: {},
  arity: one,
  async run(context, _flags, rest) {
    await startCreated(context, loadRecord(context.root, takeId(rest)));
    return 0;
  },
};

export const kill: Command = {
  about: "kill sends the specified signal (default: SIGTERM) to the container's init process",
  usage: '<container-id> [signal]',
  flags: { all: { kind: 'flag', short: 'a', about: 'send the specified signal to all processes inside the container' } },
  arity: { min: 1, max: 2 },
  async run(context, flags, rest) {
    await killContainer(context, loadRecord(context.root, takeId(rest)), rest[1] || 'SIGTERM', flags.flag('all'));
    return 0;
  },
};

export const remove: Command = {
  about: 'delete any resources held by the container often used with detached container',
  usage: '<container-id>',
  flags: { force: { kind: 'flag', short: 'f', about: 'end it first when it still runs (SIGKILL); fine when it does not exist' } },
  arity: one,
  async run(context, flags, rest) {
    await deleteContainer(context, takeId(rest), flags.flag('force'));
    return 0;
  },
};

export const pause: Command = {
  about: 'pause suspends all processes inside the container',
  usage: '<container-id>',
  flags: {},
  arity: one,
  async run(context, _flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    requireStatus(context, record, 'pause', 'running', 'created');
    await cgroupOf(context, record).freeze();
    return 0;
  },
};

export const resume: Command = {
  about: 'resumes all processes that have been previously paused',
  usage: '<container-id>',
  flags: {},
  arity: one,
  async run(context, _flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    requireStatus(context, record, 'resume', 'paused');
    await cgroupOf(context, record).thaw();
    return 0;
  },
};
