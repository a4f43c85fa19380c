import { OrlopError } from '#errors';

/** Contexts that clients send in a request of their own, beside the one that builds: what docker's command line of old does with its standard input. */
export interface Uploads {
  /** Resolves when a build has read all of it, or is over. deadline-exceeded `BUILDKIT_NO_TAKER` when no build wants it. */
  offer(build: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** What is offered for this build. deadline-exceeded `BUILDKIT_NO_UPLOAD` when nothing comes. */
  take(build: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>;
}

interface Meeting {
  readonly offered: PromiseWithResolvers<AsyncIterable<Uint8Array>>;
  readonly taken: PromiseWithResolvers<void>;
  readonly over: PromiseWithResolvers<void>;
}

const patienceMs = 10_000;

export function createUploads(): Uploads {
  const meetings = new Map<string, Meeting>();
  const meet = (build: string): Meeting => {
    const meeting = meetings.get(build) ?? {
      offered: Promise.withResolvers<AsyncIterable<Uint8Array>>(),
      taken: Promise.withResolvers<void>(),
      over: Promise.withResolvers<void>(),
    };
    meetings.set(build, meeting);
    return meeting;
  };
  return {
    async offer(build, body, signal) {
      const meeting = meet(build);
      try {
        meeting.offered.resolve(body);
        await within(meeting.taken.promise, signal, 'BUILDKIT_NO_TAKER', `no build ${build} wants what is sent for it`);
        await Promise.race([meeting.over.promise, aborted(signal)]);
      } finally {
        meetings.delete(build);
      }
    },
    async *take(build, signal) {
      const meeting = meet(build);
      try {
        const body = await within(meeting.offered.promise, signal, 'BUILDKIT_NO_UPLOAD', `the context of the build ${build} was not sent`);
        meeting.taken.resolve();
        yield* body;
      } finally {
        meeting.over.resolve();
        meetings.delete(build);
      }
    },
  };
}

async function within<Value>(promise: Promise<Value>, signal: AbortSignal, code: string, words: string): Promise<Value> {
  const late = AbortSignal.timeout(patienceMs);
  const found = await Promise.race([promise, aborted(AbortSignal.any([signal, late])).then(() => null)]);
  if (found !== null) return found;
  signal.throwIfAborted();
  throw new OrlopError('deadline-exceeded', code, words);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
