import { createServer, request } from 'node:http';
import { mkdir, open, unlink } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { CollectReport } from '#api/registry';
import { OrlopError, toOrlopError } from '#errors';

/** What the owner of a root can be asked to collect. */
export interface CollectRequest {
  readonly graceMs: number;
  readonly untagged: boolean;
  readonly dryRun: boolean;
}

export interface Control extends AsyncDisposable {
  /** From here on requests are answered. */
  answer(collect: (request: CollectRequest) => Promise<CollectReport>): void;
}

/**
 * Takes a root: a socket in it that one process at a time can listen on, and that asks it to collect. Paths of sockets are short (unix(7)), those of
 * roots need not be, so it is reached through the descriptor of its directory. Fails with conflict `REGISTRY_ROOT_IN_USE`.
 */
export async function takeRoot(root: string): Promise<Control> {
  await using undo = new AsyncDisposableStack();
  await mkdir(root, { recursive: true, mode: 0o750 });
  const directory = undo.use(await open(root, 'r'));
  const path = `/proc/self/fd/${directory.fd}/control.sock`;
  let collect: ((request: CollectRequest) => Promise<CollectReport>) | null = null;
  const server = createServer((incoming, response) => {
    void text(incoming)
      .then(async (body) => {
        if (collect === null) throw new OrlopError('unavailable', 'REGISTRY_STARTING', 'the registry is starting');
        response.end(JSON.stringify(await collect(JSON.parse(body) as CollectRequest)));
      })
      .catch((error: unknown) => {
        response.statusCode = 500;
        response.end(toOrlopError(error).message);
      });
  });
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => resolve());
    });
  try {
    await listen();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (await answers(path)) {
      throw new OrlopError('conflict', 'REGISTRY_ROOT_IN_USE', `another registry serves ${root}`, {
        hint: 'stop it, or give this one another --root',
      });
    }
    await unlink(path);
    await listen();
  }
  undo.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const held = undo.move();
  return {
    answer(how) {
      collect = how;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath: path, method: 'OPTIONS' });
    // Any answer means that somebody is there; a request that is no JSON is refused.
    asked.on('response', (response) => resolve(response.resume() !== null));
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

/** Asks the process that serves this root to collect; null when nobody serves it. Fails with internal when the collection fails. */
export async function askOwner(root: string, wanted: CollectRequest): Promise<CollectReport | null> {
  await using directory = await open(root, 'r');
  const answer = await new Promise<{ readonly status: number; readonly body: string } | null>((resolve, reject) => {
    const asked = request({ socketPath: `/proc/self/fd/${directory.fd}/control.sock`, method: 'POST', path: '/collect' });
    asked.on('response', (response) => void text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject));
    asked.on('error', (error: NodeJS.ErrnoException) =>
      ['ENOENT', 'ECONNREFUSED'].includes(error.code ?? '') ? resolve(null) : reject(error),
    );
    asked.end(JSON.stringify(wanted));
  });
  if (answer === null || answer.status === 200) return answer === null ? null : (JSON.parse(answer.body) as CollectReport);
  throw new OrlopError('internal', 'REGISTRY_COLLECT', `the registry could not collect: ${answer.body}`);
}
