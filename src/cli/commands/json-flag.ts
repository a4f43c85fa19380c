import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';

const jsonFlag: FlagSpec = { name: 'json', kind: 'flag', help: 'Print data for programs: one JSON document, or one object a line' };

/** Commands whose output is not theirs: a process's, a tar, a file, a script. */
const withoutData = new Set([
  'attach',
  'exec',
  'console',
  'shell',
  'cp',
  'file push',
  'file pull',
  'file edit',
  'save',
  'backup create',
  'export',
  'completion',
  'help',
  'registry serve',
  'registry gc',
  'registry check',
]);

/** Adds `--json` where there is something to print with it. */
export function withJson(command: CommandSpec): CommandSpec {
  return withoutData.has(command.name) ? command : { ...command, flags: [...command.flags, jsonFlag] };
}
