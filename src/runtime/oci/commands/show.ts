import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { OrlopError } from '#errors';
import { directoryOf, listRecords, loadRecord, type ContainerRecord } from '../../state/record.ts';
import { usageError } from '../arguments.ts';
import { type Command, takeId } from '../command.ts';
import type { RuntimeContext } from '../context.ts';
import { listProcesses } from '../processes.ts';
import { cgroupOf, stateOf } from '../status.ts';

const formatFlag = { format: { kind: 'text', short: 'f', about: 'table or json' } } as const;

export const state: Command = {
  about: 'print the state of a container',
  usage: '<container-id>',
  flags: {},
  run(context, _flags, rest) {
    context.print(`${JSON.stringify(describe(context, loadRecord(context.root, takeId(rest))), null, 2)}\n`);
    return 0;
  },
};

/** runc's fields in runc's order. */
function describe(context: RuntimeContext, record: ContainerRecord) {
  const { ociVersion, id, pid, status, bundle, annotations } = stateOf(context, record);
  return {
    ociVersion,
    id,
    pid,
    status,
    bundle,
    rootfs: record.rootfs,
    created: record.created,
    annotations,
    owner: ownerOf(context, record),
  };
}

function ownerOf(context: RuntimeContext, record: ContainerRecord): string {
  const { uid } = statSync(directoryOf(context.root, record.id));
  const self = userInfo();
  return uid === self.uid ? self.username : `#${uid}`;
}

export const list: Command = {
  about: 'list containers',
  usage: '',
  flags: { ...formatFlag, quiet: { kind: 'flag', short: 'q', about: 'ids only' } },
  run(context, flags, rest) {
    if (rest.length > 0) throw usageError(`unexpected argument ${JSON.stringify(rest[0])}`);
    const containers = listRecords(context.root).map((record) => describe(context, record));
    if (flags.flag('quiet')) context.print(containers.map(({ id }) => `${id}\n`).join(''));
    else if (formatOf(flags.text('format')) === 'json') context.print(`${JSON.stringify(containers)}\n`);
    else context.print(formatTable(['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], containers.map(rowOf)));
    return 0;
  },
};

function rowOf(container: ReturnType<typeof describe>): string[] {
  const { id, pid, status, bundle, created, owner } = container;
  return [id, String(pid), status, bundle, created, owner];
}

export const ps: Command = {
  about: 'list the processes of a container',
  usage: '<container-id> [ps options]',
  flags: formatFlag,
  run(context, flags, rest) {
    const record = loadRecord(context.root, takeId(rest, Number.POSITIVE_INFINITY));
    const pids = cgroupOf(context, record).pids();
    context.print(
      formatOf(flags.text('format')) === 'json' ? `${JSON.stringify(pids)}\n` : listProcesses(context.addon(), pids, rest.slice(1)),
    );
    return 0;
  },
};

function formatOf(format = 'table'): 'table' | 'json' {
  if (format === 'table' || format === 'json') return format;
  throw new OrlopError('invalid-argument', 'RUNTIME_USAGE', `invalid format ${JSON.stringify(format)}`, { hint: 'use table or json' });
}

export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd();
  return [head, ...rows].map((cells) => `${line(cells)}\n`).join('');
}
