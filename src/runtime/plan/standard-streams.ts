import { noSlot, type Op, streamBits } from '#sys';
import type { AttachedClient, LogRow, LogTarget, Stdio } from '../sandbox/types.ts';
import type { Slots } from './slots.ts';

export interface StreamFacts {
  readonly stdio: Stdio;
  /** Owner, outside, of the pipes that a process gets as streams. */
  readonly hostUid: number;
  readonly hostGid: number;
  readonly monitorDirectory: number | null;
  readonly log: LogTarget | null;
  /** memory.events or memory.oom_control of the container's cgroup. */
  readonly memoryEvents: number | null;
  readonly clients: readonly AttachedClient[];
  readonly slots: Slots;
}

/** The monitor's part of a run plan: what it keeps, and where the streams go. */
export function planStreams(facts: StreamFacts): Op[] {
  const { slots } = facts;
  return [
    ...(facts.monitorDirectory === null ? [] : [{ op: 'keep_directory', directory: slots.add(facts.monitorDirectory) } as const]),
    ...(facts.log === null ? [] : planLog(facts.log, slots)),
    ...(facts.memoryEvents === null ? [] : [{ op: 'keep_memory_events', events: slots.add(facts.memoryEvents) } as const]),
    planStdio(facts),
    ...facts.clients.map((client): Op => ({ op: 'attach_client', socket: slots.add(client.socket), streams: streamBits(client) })),
  ];
}

function planLog({ file, format, attributes = '', row, bufferBytes }: LogTarget, slots: Slots): Op[] {
  const plain = format === 'plain';
  return [
    { op: 'keep_log', file: slots.add(file) },
    ...(plain || attributes !== '' ? [{ op: 'format_log', format: plain ? 1 : 0, attributes: Buffer.from(attributes) } as const] : []),
    ...(row === undefined ? [] : [planRow(row, slots)]),
    ...(bufferBytes === undefined ? [] : [{ op: 'buffer_log', bytes: bufferBytes } as const]),
  ];
}

function planRow({ directory, name, number, sizeBytes, ageNs, bornNs, files }: LogRow, slots: Slots): Op {
  return { op: 'rotate_log', directory: slots.add(directory), name, number, size: sizeBytes, age: ageNs, born: bornNs, files };
}

const modes = { null: 0, pipes: 1, terminal: 2, inherit: 3 } as const;

function planStdio({ stdio, slots, hostUid, hostGid }: StreamFacts): Op {
  const pipes = stdio.mode === 'pipes' ? stdio : null;
  const inherit = stdio.mode === 'inherit' ? stdio : null;
  return {
    op: 'stdio',
    mode: modes[stdio.mode],
    open_stdin: pipes?.openStdin === true ? 1 : 0,
    stdin_once: pipes?.stdinOnce === true ? 1 : 0,
    uid: hostUid,
    gid: hostGid,
    stdin: inherit === null ? noSlot : slots.add(inherit.stdin),
    stdout: inherit === null ? noSlot : slots.add(inherit.stdout),
    stderr: inherit === null ? noSlot : slots.add(inherit.stderr),
  };
}

/** The terminal is opened inside, in the container's own devpts, and belongs to the process's user. */
export function planTerminal(stdio: Stdio, user: { uid: number; gid: number }, slots: Slots, bindConsole: boolean): Op[] {
  if (stdio.mode !== 'terminal') return [];
  return [
    {
      op: 'open_terminal',
      rows: stdio.rows,
      columns: stdio.columns,
      uid: user.uid,
      // Only the owner: the terminal's group stays devpts' own (gid=5, tty), which write(1) and its like expect.
      gid: 0xffff_ffff,
      bind_console: bindConsole ? 1 : 0,
      console: stdio.console === undefined ? noSlot : slots.add(stdio.console),
    },
  ];
}
