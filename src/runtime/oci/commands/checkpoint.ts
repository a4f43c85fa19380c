import { OrlopError } from '#errors';
import { loadRecord } from '../../state/record.ts';
import { type Command, one, takeId } from '../command.ts';
import { requireStatus } from '../status.ts';

function lacking(): OrlopError {
  return new OrlopError('unimplemented', 'RUNTIME_NO_CHECKPOINT', 'checkpoint and restore are not supported by this runtime');
}

export const checkpoint: Command = {
  about: 'checkpoint a running container (not supported)',
  usage: '<container-id>',
  flags: {},
  arity: one,
  run(context, _flags, rest) {
    requireStatus(context, loadRecord(context.root, takeId(rest)), 'checkpoint', 'running', 'paused');
    throw lacking();
  },
};

export const restore: Command = {
  about: 'restore a container from a checkpoint (not supported)',
  usage: '<container-id>',
  flags: {},
  arity: one,
  run() {
    throw lacking();
  },
};
