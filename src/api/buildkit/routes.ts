import type { Exchange, Route } from '#api/http';
import { OrlopError } from '#errors';
import type { Logger } from '#log';
import type { BuildkitBackend } from './backend.ts';
import { bridgeMethods } from './bridge.ts';
import { controlMethods } from './control.ts';
import { type GrpcMethod, serveGrpc, unary } from './grpc/serve.ts';
import { emptyType } from './messages/control.ts';
import { integer, message, one } from './protobuf/message.ts';
import { createSessions } from './session/sessions.ts';
import { createUploads } from './session/uploads.ts';
import { createJobs } from './solve/jobs.ts';
import { buildBySession } from './build-by-session.ts';

export interface BuildkitRoutes {
  readonly routes: Route[];
  /** `POST /build?version=2`: the way of docker's command line before it had a plugin for builds. */
  readonly build: (exchange: Exchange) => Promise<void>;
}

const serving = 1;

/** `/session` and `/grpc`: HTTP/2 both, on connections that the client upgrades. In a session the engine asks and the client answers. */
export function buildkitRoutes(
  backend: BuildkitBackend,
  { version, logger }: { readonly version: string; readonly logger: Logger },
): BuildkitRoutes {
  const sessions = createSessions(logger);
  const jobs = createJobs();
  const uploads = createUploads();
  const parts = { backend, sessions, version };
  const methods = new Map<string, GrpcMethod>([
    ['/grpc.health.v1.Health/Check', unary(emptyType, message({ status: one(1, integer) }), () => ({ status: serving }))],
    ...controlMethods(parts, jobs),
    ...bridgeMethods(parts, jobs),
  ]);
  return {
    build: (exchange) => buildBySession(parts, uploads, exchange),
    routes: [
      {
        method: 'POST',
        path: '/session',
        hijacks: true,
        handle(exchange) {
          requireH2(exchange);
          const header = (name: string): string => [exchange.headers[name] ?? ''].flat().join(',');
          sessions.accept(header, () => exchange.hijack('application/vnd.docker.raw-stream'));
        },
      },
      {
        method: 'POST',
        path: '/grpc',
        hijacks: true,
        handle(exchange) {
          requireH2(exchange);
          void serveGrpc(exchange.hijack('application/vnd.docker.raw-stream'), methods, logger);
        },
      },
    ],
  };
}

function requireH2({ headers }: Exchange): void {
  if (headers.upgrade?.toLowerCase() === 'h2c') return;
  throw new OrlopError(
    'invalid-argument',
    'BUILDKIT_NO_UPGRADE',
    'the connection must be upgraded to h2c: Connection: Upgrade, Upgrade: h2c',
  );
}
