import { setTimeout as delay } from 'node:timers/promises';
import { OrlopError } from '#errors';
import type { BuildResult } from '#wire';
import type { SolveRequest } from '../messages/control.ts';
import { createStatusQueue, type StatusQueue } from './status-queue.ts';

/** A build that a client has begun: its calls come on streams of their own, and find each other by the name that the client gives it. */
export interface Job {
  readonly request: SolveRequest;
  readonly status: StatusQueue;
  /** Aborted when the build is given up, or over. */
  readonly signal: AbortSignal;
  /** What was built, once something was. */
  readonly result: () => BuildResult | null;
  readonly setResult: (result: BuildResult) => void;
  /** Settles when a client that asks the frontend by itself says that it has what it wanted, or why not. */
  readonly returned: Promise<void>;
  readonly settle: (error: unknown) => void;
}

export interface Jobs {
  /** already-exists when there is a build of this name. Disposing ends it for those who follow it. */
  begin(request: SolveRequest, signal: AbortSignal): Disposable & { readonly job: Job };
  /** The build of this name, which may begin a moment later, or have ended a moment ago. not-found `BUILDKIT_NO_BUILD`. */
  find(ref: string, signal: AbortSignal): Promise<Job>;
  /** The same, if it is there already. */
  peek(ref: string): Job | undefined;
}

const patienceMs = 5_000;
/** How long a build that is over is known. */
const lingerMs = 10_000;
const pollMs = 5;

export function createJobs(): Jobs {
  const known = new Map<string, Job>();
  return {
    begin(request, signal) {
      const { ref } = request;
      if (ref === '') throw new OrlopError('invalid-argument', 'BUILDKIT_BAD_BUILD', 'a build needs a name: Ref');
      if (known.has(ref)) throw new OrlopError('already-exists', 'BUILDKIT_BAD_BUILD', `there is a build ${ref} already`);
      const over = new AbortController();
      const job = createJob(request, AbortSignal.any([signal, over.signal]));
      known.set(ref, job);
      return {
        job,
        [Symbol.dispose]() {
          job.status.end();
          over.abort();
          // Whoever asks for its status may come when it is over.
          setTimeout(() => known.delete(ref), lingerMs).unref();
        },
      };
    },
    peek: (ref) => known.get(ref),
    async find(ref, signal) {
      for (const deadline = Date.now() + patienceMs; ; await delay(pollMs, undefined, { signal })) {
        const job = known.get(ref);
        if (job !== undefined) return job;
        if (Date.now() > deadline) throw new OrlopError('not-found', 'BUILDKIT_NO_BUILD', `no build ${ref} is running`);
      }
    },
  };
}

function createJob(request: SolveRequest, signal: AbortSignal): Job {
  const { promise: returned, resolve, reject } = Promise.withResolvers<void>();
  let result: BuildResult | null = null;
  returned.catch(() => undefined);
  signal.addEventListener('abort', () => reject(new OrlopError('cancelled', 'BUILD_CANCELLED', 'context canceled')), { once: true });
  return {
    request,
    status: createStatusQueue(),
    signal,
    result: () => result,
    setResult: (made) => void (result = made),
    returned,
    settle: (error) => (error === null ? resolve() : reject(error)),
  };
}
