import type { Access } from './auth/types.ts';
import { deleteBlob, sendBlob } from './handlers/blobs.ts';
import { sendCatalog, sendReferrers, sendTags } from './handlers/lists.ts';
import { deleteManifest, putManifest, sendManifest } from './handlers/manifests.ts';
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './handlers/uploads.ts';
import type { Call } from './registry.ts';
import { refuse } from './spec/errors.ts';
import { parseBlobDigest } from './spec/names.ts';
import type { Target } from './spec/target.ts';

export interface Route {
  /** What the client needs for it. */
  readonly access: Access;
  /** Whether it changes anything. */
  readonly writes: boolean;
  handle(call: Call): Promise<void>;
}

type Handlers = Readonly<Record<string, Route>>;

/** What is to be done for a method on a target. Fails with UNSUPPORTED naming the methods that there are. */
export function findRoute(method: string, target: Target): Route {
  const routes = routesOf(target);
  const route = Object.hasOwn(routes, method) ? routes[method] : undefined;
  if (route !== undefined) return route;
  throw refuse('UNSUPPORTED', 'this path does not know the method', { headers: { Allow: Object.keys(routes).join(', ') } });
}

function routesOf(target: Target): Handlers {
  if (target.kind === 'base') {
    const hello: Route = read({ kind: 'base' }, async ({ exchange }) => exchange.answer(200, { 'Content-Type': 'application/json' }, '{}'));
    return { GET: hello, HEAD: hello };
  }
  if (target.kind === 'metrics') {
    const tell: Route = read({ kind: 'metrics' }, async ({ registry, exchange }) =>
      exchange.answer(200, { 'Content-Type': 'text/plain; version=0.0.4' }, registry.metrics.format()),
    );
    return { GET: tell, HEAD: tell };
  }
  if (target.kind === 'catalog') return { GET: read({ kind: 'catalog' }, sendCatalog) };
  const { name } = target;
  const pull: Access = { kind: 'repository', name, action: 'pull' };
  const push: Access = { kind: 'repository', name, action: 'push' };
  const remove: Access = { kind: 'repository', name, action: 'delete' };
  switch (target.kind) {
    case 'tags':
      return { GET: read(pull, (call) => sendTags(call, name)) };
    case 'referrers':
      return { GET: read(pull, async (call) => sendReferrers(call, name, parseBlobDigest(target.rest))) };
    case 'uploads':
      return { POST: write(push, (call) => postUpload(call, name)) };
    case 'upload':
      return {
        GET: write(push, (call) => getUpload(call, name, target.rest)),
        PATCH: write(push, (call) => patchUpload(call, name, target.rest)),
        PUT: write(push, (call) => putUpload(call, name, target.rest)),
        DELETE: write(push, (call) => deleteUpload(call, name, target.rest)),
      };
    case 'blob': {
      const send = read(pull, async (call) => sendBlob(call, name, parseBlobDigest(target.rest)));
      return { GET: send, HEAD: send, DELETE: write(remove, async (call) => deleteBlob(call, name, parseBlobDigest(target.rest))) };
    }
    case 'manifest': {
      const send = read(pull, (call) => sendManifest(call, name, target.rest));
      return {
        GET: send,
        HEAD: send,
        PUT: write(push, (call) => putManifest(call, name, target.rest)),
        DELETE: write(remove, (call) => deleteManifest(call, name, target.rest)),
      };
    }
  }
}

function read(access: Access, handle: Route['handle']): Route {
  return { access, writes: false, handle };
}

function write(access: Access, handle: Route['handle']): Route {
  return { access, writes: true, handle };
}
