import { OrlopError } from '#errors';
import { workersOf } from './engine-facts.ts';
import { type GrpcCall, type GrpcMethod, unary } from './grpc/serve.ts';
import { errorOfStatus, statusType } from './grpc/status.ts';
import { emptyType } from './messages/control.ts';
import { bridgeSolveRequestType, bridgeSolveResponseType, pongType, refRequestType, returnRequestType } from './messages/gateway.ts';
import { refused } from './solve/attributes.ts';
import type { Job, Jobs } from './solve/jobs.ts';
import { descriptionMetadata, subrequestsMetadata } from './solve/describe.ts';
import { lintMetadata } from './solve/lint.ts';
import type { BuildParts } from './solve/run-build.ts';
import { solveJob } from './solve/solve-job.ts';

const service = '/moby.buildkit.v1.frontend.LLBBridge';
const buildIdKey = 'buildkit-controlapi-buildid';

/** What clients may use: BuildKit's names for it (frontend/gateway/pb/caps.go). */
const capabilities = ['solve.base', 'return', 'returnmap', 'proto.refarray', 'importcaches', 'frontend.caps', 'gateway.solve.evaluate'];

/**
 * moby.buildkit.v1.frontend.LLBBridge, by path: clients such as buildx ask the frontend themselves, in a build that they have begun with Control.Solve, and then say that they have what they
 * wanted. There is nothing between a result and its output here: asking builds.
 */
export function bridgeMethods(parts: BuildParts, jobs: Jobs): [string, GrpcMethod][] {
  const jobOf = ({ metadata, signal }: GrpcCall): Promise<Job> => jobs.find(metadata(buildIdKey), signal);
  return [
    [
      `${service}/Ping`,
      unary(emptyType, pongType, () => ({
        frontendCapabilities: capabilities.map((id) => ({ id, enabled: true })),
        workers: workersOf(parts.version),
      })),
    ],
    [
      `${service}/Solve`,
      unary(bridgeSolveRequestType, bridgeSolveResponseType, async (request, call) => {
        const job = await jobOf(call);
        if ((request.definition?.def.length ?? 0) > 0 || Object.keys(request.inputs).length > 0)
          throw refused('a build given as a graph (LLB)', 'give a Dockerfile');
        const asked = request.attributes['requestid'];
        if (asked === 'frontend.subrequests.describe') return { result: { ref: undefined, metadata: subrequestsMetadata() } };
        const { result, source } = await solveJob(parts, job, request);
        const metadata =
          result.description !== undefined
            ? descriptionMetadata(result.description, source)
            : asked === 'frontend.lint'
              ? lintMetadata(result.warnings, source)
              : {};
        return { result: { ref: { id: job.request.ref }, metadata } };
      }),
    ],
    // What was solved is there already.
    [`${service}/Evaluate`, unary(refRequestType, emptyType, () => ({}))],
    [
      `${service}/Return`,
      unary(returnRequestType, emptyType, async ({ error }, call) => {
        const job = await jobOf(call);
        job.settle(error.length === 0 ? null : returnedError(error));
        return {};
      }),
    ],
  ];
}

/** As it came, with its details. */
function returnedError(status: Uint8Array): OrlopError {
  const { code, message } = statusType.decode(status);
  return errorOfStatus(code, message, status);
}
