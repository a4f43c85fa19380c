import { type Attributes, checkFrontend } from './attributes.ts';
import { type CacheEntry, planCaches } from './caches.ts';
import type { Job } from './jobs.ts';
import { type BuildParts, type Built, runBuild } from './run-build.ts';

/** What the frontend is asked for. */
export interface Asked {
  readonly frontend: string;
  readonly attributes: Attributes;
}

function entryOf({ type = '', attributes = {} }: Partial<CacheEntry>): CacheEntry {
  return { type, attributes };
}

/** Builds what a job's client asks the frontend for, and hands it out as the job says. */
export async function solveJob(parts: BuildParts, job: Job, { frontend, attributes }: Asked): Promise<Built> {
  checkFrontend(frontend);
  const { ref, session, entitlements, exporters, exporter, exporterAttributes, cache } = job.request;
  // Older clients name one output, in fields of its own.
  const old = exporter === '' ? [] : [{ type: exporter, attributes: exporterAttributes }];
  const outputs = exporters.map(({ type = '', attributes: given = {} }) => ({ type, attributes: given }));
  const built = await runBuild(parts, {
    ref,
    session,
    attributes,
    exporters: outputs.length > 0 ? outputs : old,
    entitlements,
    cache: planCaches({ imports: (cache?.imports ?? []).map(entryOf), exports: (cache?.exports ?? []).map(entryOf) }),
    report: (status) => job.status.push(status),
    signal: job.signal,
  });
  job.setResult(built.result);
  return built;
}
