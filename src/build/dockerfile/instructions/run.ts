import { mistake } from '../errors.ts';
import { parseFlags, refuseFlags } from '../flags.ts';
import type { CmdInstruction, EntrypointInstruction, RunInstruction, RunMountFlag, ShellInstruction } from '../model.ts';
import { splitCommas } from '../mount-fields.ts';
import { parseJsonWords } from '../json.ts';
import { suggestion } from '../suggest.ts';
import { parseCommand, type Request } from './request.ts';

const networks = ['default', 'none', 'host'] as const;
const securities = ['sandbox', 'insecure'] as const;

/** `RUN [--mount=… --network=… --security=…] command`. */
export function parseRun(request: Request): RunInstruction {
  if (request.flags.some((flag) => flag === '--device' || flag.startsWith('--device='))) {
    throw mistake('RUN --device is not supported', 'devices cannot be handed to build steps; run the command in a container instead');
  }
  const flags = parseFlags(request.flags, { mount: 'texts', network: 'text', security: 'text' });
  return {
    kind: 'run',
    ...request.base,
    command: parseCommand(request.rest, request.heredocs),
    mounts: flags.mount.map(readMountFlag),
    network: choose('network', flags.network, networks, 'default'),
    security: choose('security', flags.security, securities, 'sandbox'),
  };
}

/** What the graph of stages needs to know; the rest is checked once variables have values. */
function readMountFlag(text: string): RunMountFlag {
  const fields = splitCommas(text).map((field) => {
    const equals = field.indexOf('=');
    return { key: field.slice(0, Math.max(equals, 0)).toLowerCase(), value: field.slice(equals + 1) };
  });
  const from = fields.findLast(({ key }) => key === 'from')?.value ?? '';
  if (/\$./.test(from)) {
    throw mistake("'from' doesn't support variable expansion, define alias stage instead", `write FROM ${from} AS name, and from=name`);
  }
  // BuildKit ignores it there.
  const isTmpfs = fields.findLast(({ key }) => key === 'type')?.value.toLowerCase() === 'tmpfs';
  return from === '' || isTmpfs ? { text } : { text, from };
}

function choose<T extends string>(name: string, value: string | undefined, known: readonly T[], preset: T): T {
  if (value === undefined) return preset;
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  throw mistake(`invalid ${name} mode ${JSON.stringify(value)}${suggestion(value, known)}`, `it is one of ${known.join(', ')}`);
}

export function parseCmd(request: Request): CmdInstruction {
  refuseFlags(request.flags);
  return { kind: 'cmd', ...request.base, command: parseCommand(request.rest, []) };
}

export function parseEntrypoint(request: Request): EntrypointInstruction {
  refuseFlags(request.flags);
  return { kind: 'entrypoint', ...request.base, command: parseCommand(request.rest, []) };
}

/** `SHELL ["program", "argument", …]`. */
export function parseShell(request: Request): ShellInstruction {
  refuseFlags(request.flags);
  const shell = parseJsonWords(request.rest);
  if (shell?.length === 0 || request.rest === '') throw mistake('SHELL requires at least one argument');
  if (shell === undefined) throw mistake(`SHELL requires the arguments to be in JSON form`, 'write SHELL ["/bin/sh", "-c"]');
  return { kind: 'shell', ...request.base, shell };
}
