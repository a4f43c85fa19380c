import { findProject, type Project } from '#compose';
import { isOrlopError } from '#errors';
import type { Invocation } from '../../invocation.ts';
import { readProject } from './project.ts';

/** The project that the flags mean; without a file of it, what the engine has of the one that is named. */
export async function findProjectOf(
  invocation: Pick<Invocation, 'args' | 'io' | 'client'>,
  more: Parameters<typeof readProject>[1],
): Promise<Project> {
  try {
    return await readProject(invocation, more);
  } catch (error) {
    const name = invocation.args.text('project-name') ?? invocation.io.env['COMPOSE_PROJECT_NAME'] ?? '';
    if (name === '' || !isOrlopError(error, 'not-found') || error.code !== 'COMPOSE_NO_PROJECT_FILE') throw error;
    return findProject(await invocation.client(), name);
  }
}
