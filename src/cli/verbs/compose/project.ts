import { homedir } from 'node:os';
import { text as readAll } from 'node:stream/consumers';
import { loadProject, type Project, type ProjectOptions } from '#compose';
import type { Invocation } from '../../invocation.ts';

type More = Pick<
  ProjectOptions,
  'named' | 'interpolates' | 'normalizes' | 'resolvesPaths' | 'checks' | 'resolvesEnvironment' | 'onVariable'
>;

/** The project that the flags mean. */
export async function readProject({ args, io }: Pick<Invocation, 'args' | 'io'>, more: More = {}): Promise<Project> {
  return loadProject({
    files: args.list('file'),
    projectName: args.text('project-name'),
    projectDirectory: args.text('project-directory'),
    profiles: args.list('profile'),
    envFiles: args.list('env-file'),
    workingDirectory: process.cwd(),
    environment: Object.fromEntries(Object.entries(io.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    compatible: args.flag('compatibility'),
    home: io.env['HOME'] ?? homedir(),
    stdin: () => readAll(io.stdin),
    onWarning: (warning) => void io.stderr.write(`orlop: warning: ${warning}\n`),
    ...more,
  });
}
