import { existsSync, readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { type LinuxResources, parseJson, parseResources } from '#oci';
import { loadRecord } from '../../state/record.ts';
import { updateScope } from '../../systemd/index.ts';
import type { ParsedFlags } from '../arguments.ts';
import { wordLimits } from '../apply-resources.ts';
import { type Command, one, takeId } from '../command.ts';
import { readProcessLimit } from '../spec-version.ts';
import { cgroupOf, requireStatus } from '../status.ts';

export const update: Command = {
  about: 'update container resource constraints',
  usage: '<container-id>',
  description: 'With --resources all other options are ignored. What is left out stays as it is.',
  flags: {
    resources: { kind: 'text', short: 'r', about: "path to a file with linux.resources as JSON, or '-' to read from the standard input" },
    'blkio-weight': { kind: 'number', about: 'per cgroup weight, range is from 10 to 1000', preset: '0' },
    'cpu-period': { kind: 'text', about: 'CPU CFS period to be used for hardcapping (in usecs). 0 to use system default' },
    'cpu-quota': { kind: 'text', about: 'CPU CFS hardcap limit (in usecs). Allowed cpu time in a given period' },
    'cpu-burst': {
      kind: 'text',
      about: 'CPU CFS hardcap burst limit (in usecs). Allowed accumulated cpu time additionally for burst a given period',
    },
    'cpu-share': { kind: 'text', also: 'cpu-shares', about: 'CPU shares (relative weight vs. other containers)' },
    'cpu-rt-period': { kind: 'text', about: 'CPU realtime period to be used for hardcapping (in usecs). 0 to use system default' },
    'cpu-rt-runtime': { kind: 'text', about: 'CPU realtime hardcap limit (in usecs). Allowed cpu time in a given period' },
    'cpuset-cpus': { kind: 'text', about: 'CPU(s) to use' },
    'cpuset-mems': { kind: 'text', about: 'memory node(s) to use' },
    'cpu-idle': { kind: 'text', about: '1: only when nobody else wants the CPU' },
    memory: { kind: 'text', about: 'memory limit (in bytes)' },
    'memory-reservation': { kind: 'text', about: 'memory reservation or soft limit (in bytes)' },
    'memory-swap': { kind: 'text', about: "total memory usage (memory + swap); set '-1' to enable unlimited swap" },
    'kernel-memory': { kind: 'text', about: 'ignored', hidden: true },
    'kernel-memory-tcp': { kind: 'text', about: 'ignored', hidden: true },
    'pids-limit': { kind: 'number', about: 'maximum number of pids allowed in the container', preset: '0' },
    'l3-cache-schema': { kind: 'text', about: 'the string of Intel RDT/CAT L3 cache schema' },
    'mem-bw-schema': { kind: 'text', about: 'the string of Intel RDT/MBA memory bandwidth schema' },
  },
  arity: one,
  async run(context, flags, rest) {
    const record = loadRecord(context.root, takeId(rest));
    requireStatus(context, record, 'update', 'running', 'created', 'paused');
    if (flags.text('l3-cache-schema')) throw refusedRdt('Intel RDT/CAT: l3 cache schema is not enabled');
    if (flags.text('mem-bw-schema')) throw refusedRdt('Intel RDT/MBA: memory bandwidth schema is not enabled');
    if (flags.text('kernel-memory') || flags.text('kernel-memory-tcp'))
      context.log.write('warning', 'Kernel memory settings are ignored and will be removed');
    const resources = readProcessLimit(resourcesOf(flags), record.ociVersion);
    if (record.systemdUnit !== undefined) {
      await updateScope(cgroupOf(context, record), record.systemdUnit, resources);
    }
    wordLimits(() => cgroupOf(context, record).apply(resources), '');
    return 0;
  },
};

function refusedRdt(message: string): OrlopError {
  return new OrlopError('unimplemented', 'RUNTIME_NO_RDT', message);
}

function resourcesOf(flags: ParsedFlags): LinuxResources {
  const file = flags.text('resources') ?? '';
  if (file !== '') return parseResources(parseJson(readResources(file), { name: file, maxBytes: 1024 * 1024 }));
  const pids = flags.number('pids-limit');
  const weight = flags.number('blkio-weight') ?? 0;
  return parseResources({
    memory: pick({ limit: 'memory', reservation: 'memory-reservation', swap: 'memory-swap' }, (name) => sizeOf(flags, name)),
    cpu: {
      ...pick(cpuFlags, (name) => countOf(flags, name)),
      ...pick({ cpus: 'cpuset-cpus', mems: 'cpuset-mems' }, (name) => flags.text(name) || undefined),
    },
    pids: pids === undefined ? {} : { limit: pids },
    blockIO: weight === 0 ? {} : { weight },
  });
}

const cpuFlags = {
  period: 'cpu-period',
  quota: 'cpu-quota',
  burst: 'cpu-burst',
  shares: 'cpu-share',
  idle: 'cpu-idle',
  realtimePeriod: 'cpu-rt-period',
  realtimeRuntime: 'cpu-rt-runtime',
} as const;

/** The fields whose flags were given. */
function pick<T>(fields: Readonly<Record<string, string>>, read: (flag: string) => T | undefined): Record<string, T> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([field, flag]) => {
      const value = read(flag);
      return value === undefined ? [] : [[field, value] as const];
    }),
  );
}

function countOf(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.text(name) ?? '';
  if (text === '') return undefined;
  if (/^[-+]?\d+$/.test(text)) return Number(text);
  throw invalidValue(name, `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function sizeOf(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.text(name) ?? '';
  return text === '' ? undefined : parseSize(text, name);
}

/** `512m`, `1.5g`, `64MiB`, `-1`; powers of 1024. */
export function parseSize(text: string, flag: string): number {
  if (text === '-1') return -1;
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text) ?? [];
  if (digits === undefined) throw invalidValue(flag, `invalid size: '${text}'`);
  return Math.floor(Number(digits) * 1024 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '));
}

function invalidValue(flag: string, why: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_VALUE', `invalid value for ${flag}: ${why}`);
}

function readResources(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    if (existsSync(file) || !isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_FILE_MISSING', `open ${file}: no such file or directory`, { cause: error });
  }
}
