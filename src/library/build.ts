import { join } from 'node:path';
import { type Client, offerContext, readIgnoreFile, requireDirectory } from '#client';
import type { BuildEvent, BuildRequest, BuildResult, SentContext } from '#wire';
import { signalOf } from './abort.ts';

/** What is built. All that the engine's API has besides goes by its names there: `noCache`, `pull`, `network`, `limits`, `cacheFrom`, … */
export interface BuildOptions extends Omit<BuildRequest, 'contextSent' | 'namedContexts' | 'secrets' | 'output' | 'check'> {
  /** A directory, by its .dockerignore, or a tar as it comes; without it there are no files. */
  readonly context?: string | AsyncIterable<Uint8Array>;
  /** By id. */
  readonly secrets?: Readonly<Record<string, string | Uint8Array>>;
  /** Gives the build up. */
  readonly signal?: AbortSignal;
}

/** A build on its way: what happens, from when somebody listens, and what comes of it. */
export interface Build extends AsyncIterable<BuildEvent> {
  /** Rejects as the build fails: failed-precondition with `exitCode` and `excerpt` in its details for a command that does; cancelled when it was given up. */
  readonly result: Promise<BuildResult>;
}

/** Who falls further behind than this misses what commands say. */
const mostWaiting = 10_000;

/** Begins at once. A loop over it ends with the build, and throws as that fails; leaving the loop does not give the build up. */
export function startBuild(client: Client, { context, secrets = {}, signal, ...request }: BuildOptions): Build {
  const listeners = new Set<Listener>();
  const send = async (): Promise<BuildResult> => {
    const contexts =
      context === undefined ? [] : [typeof context === 'string' ? await offerDirectory(context, request.dockerfile) : context];
    const encoded = Object.entries(secrets).map(([id, content]) => [id, Buffer.from(content).toString('base64')]);
    const body = {
      request: { ...request, contextSent: contexts.length > 0, secrets: Object.fromEntries(encoded) as Record<string, string> },
    };
    const onEvent = (event: BuildEvent): void => {
      for (const listener of listeners) listener.take(event);
    };
    return client.builds.build(body, { contexts, onEvent, ...signalOf(signal) });
  };
  const result = send();
  const ended = result.then(
    () => null,
    (error: unknown) => ({ error }),
  );
  void ended.then((failure) => {
    for (const listener of listeners) listener.end(failure);
  });
  return {
    result,
    async *[Symbol.asyncIterator]() {
      const listener = createListener();
      listeners.add(listener);
      void ended.then((failure) => listener.end(failure));
      try {
        yield* listener.events();
      } finally {
        listeners.delete(listener);
      }
    },
  };
}

async function offerDirectory(directory: string, dockerfile = 'Dockerfile'): Promise<SentContext> {
  await requireDirectory(directory);
  return offerContext(directory, await readIgnoreFile(directory, join(directory, dockerfile)));
}

interface Listener {
  take(event: BuildEvent): void;
  end(failure: { readonly error: unknown } | null): void;
  events(): AsyncGenerator<BuildEvent>;
}

function createListener(): Listener {
  const waiting: BuildEvent[] = [];
  let wake: () => void = () => undefined;
  let over: { readonly failure: { readonly error: unknown } | null } | null = null;
  return {
    take(event) {
      if (waiting.length < mostWaiting || event.type !== 'log') waiting.push(event);
      wake();
    },
    end(failure) {
      over ??= { failure };
      wake();
    },
    async *events() {
      for (;;) {
        const next = waiting.shift();
        if (next !== undefined) yield next;
        else if (over === null) await new Promise<void>((resolve) => (wake = resolve));
        else if (over.failure === null) return;
        else throw over.failure.error;
      }
    },
  };
}
