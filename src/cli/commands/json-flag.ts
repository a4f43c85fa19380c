import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';

const jsonFlag: FlagSpec = { name: 'json', kind: 'flag', help: 'Print data for programs: one JSON document, or one object a line' };

/** Commands whose output is not theirs (a process's, a tar), or that have none. */
const withoutData = new Set([
  'attach',
  'exec',
  'console',
  'shell',
  'logs',
  'cp',
  'file push',
  'file pull',
  'file edit',
  'save',
  'backup create',
  'export',
  'completion',
  'help',
  'rename',
  'move',
  'snapshot rename',
  'snapshot update',
  'tag',
  'login',
  'logout',
  'network connect',
  'network disconnect',
  'registry serve',
  'registry gc',
  'registry check',
]);

/** Adds `--json` where there is something to print with it. */
export function withJson(command: CommandSpec): CommandSpec {
  return withoutData.has(command.name) ? command : { ...command, flags: [...command.flags, jsonFlag] };
}
