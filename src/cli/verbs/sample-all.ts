import type { Client } from '#client';
import { isOrlopError } from '#errors';
import type { DockerStats } from '#wire';

/**
 * What containers use at this moment, by the name that was asked for, or by id for all. One that was asked for and is not there is an error; of all, it has
 * gone meanwhile.
 */
export async function sampleAll(engine: Client, refs: readonly string[], all: boolean): Promise<Map<string, DockerStats>> {
  const wanted = refs.length > 0 ? refs : (await engine.containers.list({ all })).map(({ Id }) => Id);
  const samples = await Promise.all(
    wanted.map(async (ref) => {
      try {
        return [[ref, await engine.containers.sample(ref)] as const];
      } catch (error) {
        if (refs.length === 0 && isOrlopError(error, 'not-found')) return [];
        throw error;
      }
    }),
  );
  return new Map(samples.flat());
}
