import { convergeStop, type Project } from '#compose';
import type { Invocation } from '../../invocation.ts';
import { stepReporter, warner } from './progress.ts';

/** Stops a project's containers, those that depend on others first. */
export async function stopProject(
  { args, io, client }: Pick<Invocation, 'args' | 'io' | 'client'>,
  project: Project,
  onHook?: (container: string, line: string) => void,
): Promise<void> {
  await convergeStop(await client(), project, {
    stopTimeoutS: args.integer('timeout'),
    onStep: stepReporter({ io, args }),
    onWarning: warner(io),
    onHook,
  });
}
