import { existsSync, readFileSync, statSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { type ContainerRecord, directoryOf, listRecords, loadRecord } from '../../state/record.ts';
import { type Command, none, one, takeId } from '../command.ts';
import type { RuntimeContext } from '../context.ts';
import { print } from '../print.ts';
import { listProcesses } from '../processes.ts';
import { cgroupOf, stateOf } from '../status.ts';
import { findUserName } from '../../users.ts';

const formatFlag = { format: { kind: 'text', short: 'f', about: 'select one of: table or json', preset: '"table"' } } as const;

export const state: Command = {
  about: 'output the state of a container',
  usage: '<container-id>',
  flags: {},
  arity: one,
  run(context, _flags, rest) {
    context.print(JSON.stringify(describe(context, loadRecord(context.root, takeId(rest)), ''), null, 2));
    return 0;
  },
};

/** runc's fields in runc's order; only `list` tells the owner. */
function describe(context: RuntimeContext, record: ContainerRecord, owner: string) {
  const { ociVersion, id, pid, status, bundle } = stateOf(context, record);
  const annotations = Object.entries(record.annotations).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    ociVersion,
    id,
    pid,
    status,
    bundle,
    rootfs: record.rootfs,
    created: record.created,
    ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    owner,
  };
}

/** By the host's own passwd file: the compiled executable's `userInfo()` believes $USER instead. */
function ownerOf(context: RuntimeContext, record: ContainerRecord): string {
  const { uid } = statSync(directoryOf(context.root, record.id));
  return findUserName(readPasswd(), uid) ?? `#${uid}`;
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return '';
    throw error;
  }
}

export const list: Command = {
  about: 'lists containers of the given root',
  usage: '',
  flags: { ...formatFlag, quiet: { kind: 'flag', short: 'q', about: 'display only container IDs' } },
  arity: none,
  run(context, flags) {
    if (context.rootNamed && !existsSync(context.root)) throw missingRoot(context.root);
    const records = listRecords(context.root, (id) => print(2, `load container ${id}: container does not exist\n`));
    if (flags.flag('quiet')) {
      context.print(records.map(({ id }) => `${id}\n`).join(''));
      return 0;
    }
    const format = formatOf(flags.text('format'));
    const containers = records.map((record) => describe(context, record, ownerOf(context, record)));
    if (format === 'json') context.print(`${containers.length === 0 ? 'null' : JSON.stringify(containers)}\n`);
    else context.print(formatTable(['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], containers.map(rowOf)));
    return 0;
  },
};

/** As with runc: a root that somebody names may be misspelt, the usual one is empty until there is a container. */
function missingRoot(root: string): OrlopError {
  return new OrlopError('not-found', 'RUNTIME_RECORDS_MISSING', `open ${root}: no such file or directory`, {
    hint: 'correct --root; the first container makes it',
  });
}

function rowOf(container: ReturnType<typeof describe>): string[] {
  const { id, pid, status, bundle, created, owner } = container;
  return [id, String(pid), status, bundle, created, owner];
}

export const ps: Command = {
  about: 'ps displays the processes running inside a container',
  usage: '<container-id> [ps options]',
  flags: formatFlag,
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  passesOn: true,
  run(context, flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    const format = formatOf(flags.text('format'));
    const pids = cgroupOf(context, record).pids();
    context.print(
      format === 'json' ? `${pids.length === 0 ? 'null' : JSON.stringify(pids)}\n` : listProcesses(context.addon(), pids, rest.slice(1)),
    );
    return 0;
  },
};

function formatOf(format = 'table'): 'table' | 'json' {
  if (format === 'table' || format === 'json') return format;
  throw new OrlopError('invalid-argument', 'RUNTIME_FORMAT', 'invalid format option', { hint: 'use table or json' });
}

const narrowest = 12;
const gap = 3;

/** The layout of Go's tabwriter as runc sets it up: the last column is as wide as it is. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_title, column) => Math.max(narrowest, ...all.map((cells) => (cells[column] ?? '').length + gap)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === head.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('');
  return all.map((cells) => `${line(cells)}\n`).join('');
}
