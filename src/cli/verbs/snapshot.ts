import { OrlopError } from '#errors';
import { formatAge, type SnapshotBody } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { formatBytes } from '../values/size.ts';
import { parseTimeSpan } from '../values/time-span.ts';
import { forEach } from './each.ts';

/** Takes one; with `--schedule` or `--pattern` it says how they are taken from now on, and takes none. */
export const snapshot: Verb = async ({ args, io, client }) => {
  const [ref = '', name] = args.positionals;
  const { snapshots } = await client();
  const expires = args.text('expires');
  const [schedule, pattern] = [args.text('schedule'), args.text('pattern')];
  const expiresInMs = expires === undefined ? undefined : parseTimeSpan(expires, 'expires');
  if (schedule !== undefined || pattern !== undefined) {
    if (name !== undefined || args.text('comment') !== undefined)
      throw new OrlopError(
        'invalid-argument',
        'CLI_SCHEDULE_AND_NAME',
        '--schedule and --pattern set what comes later: no snapshot is taken now',
        {
          hint: 'leave out the name and the comment, or take one with another command',
        },
      );
    const set = await snapshots.setSchedule(ref, {
      ...(schedule === undefined ? {} : { schedule: schedule === 'off' ? '' : schedule }),
      ...(pattern === undefined ? {} : { pattern }),
      ...(expiresInMs === undefined ? {} : { expiresInMs }),
    });
    if (args.flag('json')) await printJson(io, set);
    else
      await write(io.stdout, set.schedule === '' ? `${ref}: no schedule, ${set.pattern}\n` : `${ref}: ${set.schedule}, ${set.pattern}\n`);
    return exitCodes.ok;
  }
  const comment = args.text('comment');
  const made = await snapshots.take(ref, {
    ...(name === undefined ? {} : { name }),
    ...(comment === undefined ? {} : { comment }),
    ...(expiresInMs === undefined || expiresInMs === null ? {} : { expiresInMs }),
  });
  if (args.flag('json')) await printJson(io, { name: made });
  else await write(io.stdout, `${made}\n`);
  return exitCodes.ok;
};

const columns = ['Name', 'Created', 'Expires', 'Size', 'State', 'Parent', 'Comment'];

export const listSnapshots: Verb = async ({ args, io, client }) => {
  const { snapshots, schedule } = await (await client()).snapshots.list(args.positionals[0] ?? '');
  if (args.flag('json')) {
    await printJson(io, { snapshots, schedule });
    return exitCodes.ok;
  }
  if (args.flag('quiet')) await write(io.stdout, snapshots.map(({ name }) => `${name}\n`).join(''));
  else if (args.flag('tree')) await write(io.stdout, formatTree(snapshots));
  else await write(io.stdout, formatList(snapshots.map(rowOf), { format: args.text('format'), columns, headers: {} }));
  return exitCodes.ok;
};

function rowOf(one: SnapshotBody): Record<string, string> {
  const age = (fromMs: number, toMs: number): string => formatAge(BigInt(Math.max(0, toMs - fromMs)) * 1_000_000n);
  const now = Date.now();
  return {
    ID: one.id,
    Name: one.name,
    Created: `${age(one.createdMs, now)} ago`,
    Expires: one.expiresMs === null ? '' : one.expiresMs <= now ? 'now' : `in ${age(now, one.expiresMs)}`,
    Size: formatBytes(one.sizeBytes),
    State: [one.wasRunning ? 'running' : 'stopped', ...(one.isScheduled ? ['scheduled'] : []), ...(one.isCurrent ? ['current'] : [])].join(
      ', ',
    ),
    Parent: one.parent ?? '',
    Comment: one.comment,
    Image: one.imageName,
  };
}

function formatTree(snapshots: readonly SnapshotBody[]): string {
  const lines: string[] = [];
  const draw = (parent: string | null, indent: string): void => {
    const children = snapshots.filter((one) => one.parent === parent);
    for (const [index, one] of children.entries()) {
      const isLast = index === children.length - 1;
      const branch = parent === null ? '' : isLast ? '└─ ' : '├─ ';
      lines.push(`${indent}${branch}${one.name}${one.isCurrent ? ' *' : ''}${one.comment === '' ? '' : `  ${one.comment}`}\n`);
      draw(one.name, parent === null ? '' : `${indent}${isLast ? '   ' : '│  '}`);
    }
  };
  draw(null, '');
  return lines.join('');
}

export const restore: Verb = async ({ args, io, client }) => {
  const [ref = '', name = ''] = args.positionals;
  await (await client()).snapshots.restore(ref, name, { restart: args.flag('restart') });
  if (args.flag('json')) await printJson(io, { name: ref, snapshot: name });
  return exitCodes.ok;
};

export const removeSnapshots: Verb = async (invocation) => {
  const [ref = '', ...names] = invocation.args.positionals;
  const { snapshots } = await invocation.client();
  return forEach(
    invocation,
    async (name) => {
      await snapshots.remove(ref, name);
      return name;
    },
    names,
  );
};

export const renameSnapshot: Verb = async ({ args, io, client }) => {
  const [ref = '', name = '', to = ''] = args.positionals;
  await (await client()).snapshots.rename(ref, name, to);
  if (args.flag('json')) await printJson(io, { name: to });
  return exitCodes.ok;
};

export const updateSnapshot: Verb = async ({ args, io, client }) => {
  const [ref = '', name = ''] = args.positionals;
  const [comment, expires] = [args.text('comment'), args.text('expires')];
  await (await client()).snapshots.change(ref, name, {
    ...(comment === undefined ? {} : { comment }),
    ...(expires === undefined ? {} : { expiresInMs: parseTimeSpan(expires, 'expires') }),
  });
  if (args.flag('json')) await printJson(io, { name });
  return exitCodes.ok;
};
