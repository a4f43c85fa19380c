import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import type { BuildCacheView, BuildPruneOptions, BuildRecordView, BuildRequest, BuildResult, Pruned, ToldEvent } from '#wire';
import type { EngineContext } from '../context.ts';
import { build, type BuildOptions } from './build.ts';
import { createCacheUses } from './cache-uses.ts';
import { createKeptContexts } from './kept-contexts.ts';
import { listBuilds, openBuildLog } from './log-book.ts';
import { listBuildCache, pruneBuildCache } from './prune.ts';
import { createStepBook } from './step-cache.ts';
import { createToldBuilds } from './told.ts';

export type { BuildOptions } from './build.ts';

export interface BuildVerbs {
  /**
   * Builds what a Dockerfile says. What a step made is kept for later builds, also of a build that fails or is given up. Failed-precondition `BUILD_STEP_FAILED` when a command fails, with
   * `exitCode` in its details; invalid-argument for a Dockerfile that makes no sense; `lines` and `excerpt` in the details name the place.
   */
  build(request: BuildRequest, options: BuildOptions & { readonly id?: string }): Promise<BuildResult>;
  /** Gives a running build up. Not-found when there is none of this id. */
  cancel(id: string): void;
  /** Newest first. */
  history(): BuildRecordView[];
  /** What a build told that is over; null: nothing is kept of it. */
  told(id: string): ToldEvent[] | null;
  /** Forgets builds; images and caches stay. */
  forget(ids: readonly string[]): void;
  cache(): Promise<BuildCacheView[]>;
  prune(options: BuildPruneOptions): Promise<Pruned>;
}

export function createBuildVerbs(context: EngineContext): BuildVerbs {
  const kept = createKeptContexts(join(context.dataRoot, 'contexts'), context.logger);
  const builder = { context, steps: createStepBook(context.store), caches: createCacheUses(), kept };
  const told = createToldBuilds(join(context.dataRoot, 'builds'));
  const running = new Map<string, AbortController>();
  const isRunning = (id: string): boolean => running.has(id);
  return {
    async build(request, { id: wanted, ...options }) {
      const id = wanted ?? randomBytes(16).toString('hex');
      const giveUp = new AbortController();
      const signal = AbortSignal.any([options.signal, giveUp.signal]);
      // Nothing is built by a check.
      const log = request.check === true || request.describe !== undefined ? null : openBuildLog(context, told, id, request);
      running.set(id, giveUp);
      try {
        const result = await build(builder, request, {
          ...options,
          signal,
          report(event) {
            log?.note(event);
            options.report(event);
          },
        });
        log?.end({ status: 'done', error: '', imageId: result.id });
        return { ...result, buildId: id };
      } catch (thrown) {
        const error =
          signal.aborted && !isOrlopError(thrown, 'cancelled') ? cancelled(thrown) : ofFullDisk(toOrlopError(thrown), context.dataRoot);
        log?.end({ status: error.kind === 'cancelled' ? 'cancelled' : 'failed', error: error.message, imageId: '' });
        throw error;
      } finally {
        running.delete(id);
      }
    },
    cancel(id) {
      const build = running.get(id);
      if (build === undefined) throw new OrlopError('not-found', 'BUILD_NOT_FOUND', `no build ${id} is running`);
      build.abort();
    },
    history: () => listBuilds(context, isRunning),
    told: (id) => (isRunning(id) ? null : told.read(id)),
    forget(ids) {
      for (const id of ids) {
        context.store.metadata.builds.remove(id);
        told.remove(id);
      }
    },
    cache: () => listBuildCache(builder),
    prune: (options) => pruneBuildCache(builder, options),
  };
}

/** The same in words, where it is but a call that found no space. */
function ofFullDisk(error: OrlopError, directory: string): OrlopError {
  if (error.code !== 'ERRNO_ENOSPC' && error.code !== 'ERRNO_EDQUOT') return error;
  return new OrlopError('resource-exhausted', 'STORE_DISK_FULL', `no space left for the build in ${directory}`, {
    hint: 'free some space there, or remove what is not needed: orlop system prune',
    ...(error.details === undefined ? {} : { details: error.details }),
    cause: error,
  });
}

function cancelled(cause: unknown): OrlopError {
  return new OrlopError('cancelled', 'BUILD_CANCELLED', 'the build was cancelled', { cause });
}
